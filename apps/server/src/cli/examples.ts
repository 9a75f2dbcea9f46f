// Owns the examples under each command's --help. A test holds that no command is without one.
import type { Command } from 'commander';
import { KEYS_TEXT } from './attach/typed-keys.ts';

/** By the words of the command. The id is any session's, shortened. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  '': ['cotg                      # the same as cotg serve', 'cotg new -- claude', 'cotg ls', 'cotg attach 1c1bd1d8'],
  serve: ['cotg serve', 'cotg serve --port 8080', 'COTG_PUBLIC_URL=https://box.example.org cotg serve'],
  status: ['cotg status', 'cotg status --json'],
  ls: ['cotg ls', "cotg ls --json | jq -r '.[].id'"],
  pair: ['cotg pair', 'cotg pair --role watch', 'cotg pair --approve --json'],
  devices: ['cotg devices', 'cotg devices revoke "My phone"'],
  'devices revoke': ['cotg devices revoke "My phone"', 'cotg devices revoke 3f9a'],
  'devices revoke-all': ['cotg devices revoke-all'],
  'devices rename': ['cotg devices rename 3f9a "Kitchen tablet"'],
  'devices role': ['cotg devices role 3f9a watch'],
  audit: ['cotg audit', 'cotg audit --lines 500 --json'],
  cert: ['cotg cert', 'cotg cert --name box.local 192.168.1.20'],
  doctor: ['cotg doctor', 'cotg stop --all && cotg doctor --repair'],
  journal: ['cotg journal verify', 'cotg journal dump 1c1bd1d8'],
  'journal dump': ['cotg journal dump 1c1bd1d8', 'cotg journal dump 1c1bd1d8 --from 0 --to 4096'],
  'journal follow': ['cotg journal follow 1c1bd1d8'],
  'journal verify': ['cotg journal verify', 'cotg journal verify --json'],
  stop: ['cotg stop                 # sessions run on', 'cotg stop --all --yes'],
  new: [
    'cotg new                  # what COTG_COMMAND says, in this folder',
    'cotg new --name build -- make -j4',
    'cotg new --detach -- sleep 1000',
    'cotg new --profile claude',
  ],
  attach: ['cotg attach 1c1bd1d8', 'cotg attach 1c1bd1d8; echo "it ended with $?"'],
  logs: ['cotg logs', 'cotg logs -n 500', 'cotg logs --follow', "cotg logs --json | jq 'select(.level >= 40)'"],
  completion: [
    'source <(cotg completion bash)      # in ~/.bashrc',
    'source <(cotg completion zsh)       # in ~/.zshrc, behind compinit',
    'cotg completion fish > ~/.config/fish/completions/cotg.fish',
  ],
  send: [
    "cotg send 1c1bd1d8 'npm test' --enter       # run a command in its shell",
    "cotg send 1c1bd1d8 $'\\x03'                 # press Ctrl-C",
    'cotg send 1c1bd1d8 - < prompt.txt           # type a file',
  ],
  screen: [
    'cotg screen 1c1bd1d8                 # the rows as text',
    'cotg screen 1c1bd1d8 --format ansi   # with their colours',
    'cotg screen 1c1bd1d8 --json | jq .cursor',
  ],
  wait: [
    "cotg wait 1c1bd1d8 --text 'Build finished' --timeout 10m",
    "cotg wait 1c1bd1d8 --pattern '[0-9]+ (passed|failed)'",
    'cotg wait 1c1bd1d8 --idle 2s         # until it is quiet',
    'cotg wait 1c1bd1d8 --exit --timeout 0 || echo failed',
  ],
  service: ['cotg service install', 'cotg service remove'],
  'service install': ['cotg service install', 'cotg service install --print'],
  'service remove': ['cotg service remove'],
  backup: ['cotg backup ~/cotg.tar'],
  'import-legacy': ['cotg import-legacy ~/.old-tool/sessions.db'],
  export: ['cotg export 1c1bd1d8', 'cotg export 1c1bd1d8 --format cast --output build.cast'],
  kill: ['cotg kill 1c1bd1d8'],
  restart: ['cotg restart 1c1bd1d8'],
  rm: ['cotg kill 1c1bd1d8 && cotg rm 1c1bd1d8'],
};
const NOTES: Readonly<Record<string, string>> = {
  attach: `Keys: ${KEYS_TEXT}\n`,
  wait: 'Exit codes: 0 met, 1 the program ended without it, 124 time-out; with --exit the program’s own.\n',
};

/** To every command that is there. */
export function addExamples(command: Command, path: readonly string[] = []): void {
  const key = path.join(' ');
  const examples = EXAMPLES[key];
  if (examples)
    command.addHelpText(
      'after',
      `\n${NOTES[key] === undefined ? '' : `${NOTES[key]}\n`}Examples:\n${examples.map((line) => `  ${line}`).join('\n')}`,
    );
  for (const child of command.commands) addExamples(child, [...path, child.name()]);
}
