// Owns the command line: which commands and flags there are, and that every failure is one clear line and an exit code.
import type { DeviceRole } from '@cotg/api/client';
import { Argument, Command, CommanderError, Option } from 'commander';
import { SETTINGS } from '../config.ts';
import type { Flags, SettingName } from '../config.ts';
import { EXIT, StartError, messageOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { doctor } from './doctor.ts';
import { journalDump, journalFollow, journalVerify } from './journal.ts';
import { repair } from './repair.ts';
import { HISTORY_FORMATS } from '../services/history-service.ts';
import { audit } from './audit.ts';
import { backup } from './backup.ts';
import { devices, renameDevice, revokeAllDevices, revokeDevice, setDeviceRole } from './devices.ts';
import { cert } from './cert.ts';
import { completionScript, SHELLS } from './completion.ts';
import type { Shell } from './completion.ts';
import { kill, restart, rm } from './end.ts';
import { addExamples } from './examples.ts';
import { exportHistory } from './export.ts';
import { importLegacy } from './import-legacy.ts';
import type { CliIo } from './io.ts';
import { logs } from './logs.ts';
import { ls } from './ls.ts';
import { newSession } from './new.ts';
import { pair } from './pair.ts';
import { screen, SCREEN_FORMATS } from './screen.ts';
import { send } from './send.ts';
import { serve } from './serve.ts';
import { serviceInstall, serviceRemove } from './service.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { wait } from './wait.ts';

const settingNames = Object.keys(SETTINGS) as SettingName[];

const ROLES: readonly DeviceRole[] = ['watch', 'type', 'admin'];

/** Commander names an option by its flag in camel case. */
function optionKey(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function flagsFrom(options: Readonly<Record<string, unknown>>): Flags {
  const flags: Partial<Record<SettingName, string>> = {};
  for (const name of settingNames) {
    const value = options[optionKey(SETTINGS[name].flag)];
    if (typeof value === 'string') flags[name] = value;
  }
  return flags;
}

function settingOption(name: SettingName): Option {
  const { flag, text, fallback } = SETTINGS[name];
  return new Option(`--${flag} <value>`, `${text} (${name}${fallback === undefined ? '' : `, default ${fallback}`})`);
}

/** Returns the exit code. Never throws for what a person can cause. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = new Command('cotg')
    .description('Persistent terminals on your own computer, used from the phone in your hand.')
    .version(VERSION)
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) })
    .exitOverride();

  const command = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .exitOverride()
      .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) });

  const withDataDir = (built: Command): Command => built.addOption(settingOption('COTG_DATA_DIR'));
  const withJson = (built: Command): Command => withDataDir(built).option('--json', 'machine-readable output');

  const serveCommand = program.command('serve', { isDefault: true }).description('run the server (what npm start does)').exitOverride();
  for (const name of settingNames) serveCommand.addOption(settingOption(name));
  serveCommand.action(async (options: Record<string, unknown>) => {
    exitCode = await serve(flagsFrom(options), io);
  });

  withJson(command('status', 'what runs, where, and how much it keeps')).action(async (options: Record<string, unknown>) => {
    exitCode = await status(flagsFrom(options), options, io);
  });
  withJson(command('ls', 'list the sessions')).action(async (options: Record<string, unknown>) => {
    exitCode = await ls(flagsFrom(options), options, io);
  });
  const role = (): Option => new Option('--role <role>', 'what it may do').choices(ROLES).default('admin');
  withJson(command('pair', 'print a one-time link and code that let a device in, then compare its number'))
    .addOption(role())
    .option('--approve', 'let the next device in without comparing a number')
    .action(async (options: Record<string, unknown>) => {
      exitCode = await pair(flagsFrom(options), options, io);
    });
  const deviceCommand = withJson(command('devices', 'list the devices that are let in')).action(
    async (options: Record<string, unknown>) => {
      exitCode = await devices(flagsFrom(options), options, io);
    },
  );
  const ofDevice = (name: string, description: string): Command =>
    withDataDir(
      deviceCommand
        .command(name)
        .description(description)
        .exitOverride()
        .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) }),
    );
  ofDevice('revoke', 'let a device in no longer; what it has open is cut')
    .argument('<device>', 'its name, its id, or the beginning of it')
    .action(async (text: string, options: Record<string, unknown>) => {
      exitCode = await revokeDevice(flagsFrom(options), text, io);
    });
  ofDevice('revoke-all', 'let no device in any longer').action(async (options: Record<string, unknown>) => {
    exitCode = await revokeAllDevices(flagsFrom(options), io);
  });
  ofDevice('rename', 'give a device another name')
    .argument('<device>', 'its name, its id, or the beginning of it')
    .argument('<name>')
    .action(async (text: string, name: string, options: Record<string, unknown>) => {
      exitCode = await renameDevice(flagsFrom(options), text, name, io);
    });
  ofDevice('role', 'say what a device may do: watch, type or admin')
    .argument('<device>', 'its name, its id, or the beginning of it')
    .addArgument(new Argument('<role>').choices(ROLES))
    .action(async (text: string, to: DeviceRole, options: Record<string, unknown>) => {
      exitCode = await setDeviceRole(flagsFrom(options), text, to, io);
    });
  withJson(command('audit', 'who did what: pairings, revocations, starts and ends of sessions'))
    .option('--lines <n>', 'the newest so many', '50')
    .action(async (options: Record<string, unknown>) => {
      exitCode = await audit(flagsFrom(options), options, io);
    });
  withJson(command('cert', 'make a certificate for your own network, and the CA that your phones have to trust'))
    .option('--name <host...>', 'names and addresses under which phones reach this computer; default: those of the last time, else its own')
    .option('--out <folder>', 'where server.crt and server.key go; default: tls/ in the data directory')
    .action(async (options: Record<string, unknown>) => {
      exitCode = await cert(flagsFrom(options), options, io);
    });
  withJson(command('doctor', 'check that what is kept is whole; exit code 1 when it is not'))
    .option('--repair', 'set a damaged database aside and go on with what can be read; only while nothing runs')
    .action(async (options: Record<string, unknown>) => {
      exitCode = await (options['repair'] === true ? repair : doctor)(flagsFrom(options), options, io);
    });
  const journal = program.command('journal').description('look at the journal as it is stored').exitOverride();
  const journalCommand = (name: string, description: string): Command =>
    withDataDir(journal.command(name).description(description).exitOverride());
  journalCommand('dump', "a session's entries, one JSON object a line")
    .argument('<id>', 'the session: its id as `cotg ls` shows it, or the beginning of it')
    .option('--json', 'the same: it is JSON anyway')
    .option('--from <offset>', 'first byte')
    .option('--to <offset>', 'one past the last byte')
    .action(async (id: string, options: Record<string, unknown>) => {
      exitCode = await journalDump(flagsFrom(options), id, options, io);
    });
  journalCommand('follow', 'the same, and what comes after it, until the session is removed')
    .argument('<id>', 'the session: its id as `cotg ls` shows it, or the beginning of it')
    .option('--from <offset>', 'first byte')
    .action(async (id: string, options: Record<string, unknown>) => {
      exitCode = await journalFollow(flagsFrom(options), id, options, io);
    });
  journalCommand('verify', 'read everything that is stored; exit code 1 when it is not whole')
    .option('--json', 'machine-readable output')
    .action(async (options: Record<string, unknown>) => {
      exitCode = await journalVerify(flagsFrom(options), options, io);
    });
  const service = program.command('service').description('the server as a systemd service of this user').exitOverride();
  const install = service
    .command('install')
    .description('start it with the computer, with the settings that are set now; again after an upgrade or with other settings')
    .exitOverride()
    .option('--print', 'print the unit and change nothing');
  for (const name of settingNames) install.addOption(settingOption(name));
  install.action(async (options: Record<string, unknown>) => {
    exitCode = await serviceInstall(flagsFrom(options), options, io);
  });
  withDataDir(service.command('remove').description('no longer; sessions run on').exitOverride()).action(
    async (options: Record<string, unknown>) => {
      exitCode = await serviceRemove(flagsFrom(options), io);
    },
  );
  withJson(command('stop', 'stop the server; sessions run on'))
    .option('--all', 'also end the host and every session')
    .option('--yes', 'do not ask')
    .action(async (options: Record<string, unknown>) => {
      exitCode = await stop(flagsFrom(options), options, io);
    });
  withJson(command('new', 'start a session in this folder and attach to it; without a terminal print its id'))
    .argument('[command...]', 'program and arguments, after --')
    .option('--name <name>', 'a name for the list')
    .option('--profile <name>', 'instead of a program: claude, shell, or one of your own in config.json')
    .option('--cwd <folder>', 'folder to start in')
    .option('--detach', 'do not attach, print its id')
    .action(async (words: string[], options: Record<string, unknown>) => {
      exitCode = await newSession(flagsFrom(options), words, options, io);
    });

  withDataDir(command('attach', 'show a session on this terminal, as on the phone; exit code: its own'))
    .argument('<id>', 'the session: its id as `cotg ls` shows it, or the beginning of it')
    .action(async (id: string, options: Record<string, unknown>) => {
      const { attach } = await import('./attach.ts');
      exitCode = await attach(flagsFrom(options), id, io);
    });

  withJson(command('logs', 'what the server and the host have logged, newest last'))
    .option('-f, --follow', 'go on with what comes, until you stop it')
    .option('-n, --lines <n>', 'the newest so many', '50')
    .action(async (options: Record<string, unknown>) => {
      exitCode = await logs(flagsFrom(options), options, io);
    });
  command('completion', 'print a script that completes commands and flags in your shell')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .action((shell: Shell) => io.out(completionScript(shell, program)));

  withJson(command('backup', 'write everything that is kept to one tar file, while it runs'))
    .argument('<file>', 'a file that does not exist yet')
    .action(async (file: string, options: Record<string, unknown>) => {
      exitCode = await backup(flagsFrom(options), file, options, io);
    });
  withJson(command('import-legacy', 'bring in the sessions of the older tool'))
    .argument('<file>', 'its sessions.db, which is only read')
    .action(async (file: string, options: Record<string, unknown>) => {
      exitCode = await importLegacy(flagsFrom(options), file, options, io);
    });
  withDataDir(command('export', "write a session's history to a file or to standard output"))
    .argument('<id>', 'the session: its id as `cotg ls` shows it, or the beginning of it')
    .addOption(new Option('--format <format>', 'what it looks like').choices([...HISTORY_FORMATS]).default('text'))
    .option('--from <offset>', 'first byte')
    .option('--to <offset>', 'one past the last byte')
    .option('--output <file>', 'a file; standard output otherwise')
    .action(async (id: string, options: Record<string, unknown>) => {
      exitCode = await exportHistory(flagsFrom(options), id, options, io);
    });
  const id = (built: Command): Command => built.argument('<id>', 'the session: its id as `cotg ls` shows it, or the beginning of it');
  id(withJson(command('send', 'type into a session')))
    .argument('<text>', 'exactly what is typed; - takes standard input')
    .option('--enter', 'press Enter behind it')
    .action(async (of: string, text: string, options: Record<string, unknown>) => {
      exitCode = await send(flagsFrom(options), of, text, options, io);
    });
  id(withJson(command('screen', 'what a session shows now')))
    .addOption(new Option('--format <format>', 'what it looks like').choices(SCREEN_FORMATS).default('text'))
    .action(async (of: string, options: Record<string, unknown>) => {
      exitCode = await screen(flagsFrom(options), of, options, io);
    });
  id(withJson(command('wait', 'wait until a session shows something, is quiet, or has ended')))
    .option('--text <text>', 'until a line holds this text; what is on the screen already counts')
    .option('--pattern <expression>', 'until this RE2 expression finds something in a line')
    .option('--idle <duration>', 'until nothing has been printed for so long')
    .option('--exit', "until the program has ended; the exit code is the program's (128 + n for signal n)")
    .option('--from <offset>', 'only what was printed from here on counts, as `cotg send --json` says it')
    .option('--timeout <duration>', 'give up after this, with exit code 124; 0 = never', '30s')
    .action(async (of: string, options: Record<string, unknown>) => {
      exitCode = await wait(flagsFrom(options), of, options, io);
    });
  const ofSession = (name: string, description: string, run: typeof kill): void => {
    withJson(command(name, description))
      .argument('<id>', 'the session: its id as `cotg ls` shows it, or the beginning of it')
      .action(async (id: string, options: Record<string, unknown>) => {
        exitCode = await run(flagsFrom(options), id, options, io);
      });
  };
  ofSession('kill', 'end the program of a session; its history stays for a while', kill);
  ofSession('restart', 'start an ended session again, as its next run', restart);
  ofSession('rm', 'forget an ended session and its history', rm);
  addExamples(program);

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error instanceof StartError) {
      io.err(`cotg: ${error.message}${error.hint === undefined ? '' : ` ${error.hint}`}`);
      return error.exitCode;
    }
    io.err(`cotg: ${messageOf(error)}`);
    return EXIT.failed;
  }
}
