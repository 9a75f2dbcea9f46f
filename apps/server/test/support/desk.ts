// Owns a person's terminal for tests: a real terminal emulator (tmux) with a shell in it, on a socket of its own, that is typed into and looked at.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cotgArguments, eventually } from '../../../../testing/start-server.ts';

/** Without it the tests at the desk are skipped. */
export const HAS_TMUX = spawnSync('tmux', ['-V']).status === 0;
/** A shell, a command, a screens process: on a loaded computer each takes seconds to start (ms). */
export const PATIENCE_MS = 60_000;
const PROMPT = 'desk$ ';

export interface Desk extends Disposable {
  /** Keys by their names in tmux, such as `C-c` and `Enter`. */
  press(...keys: readonly string[]): void;
  /** As typed, then Enter. */
  run(line: string): void;
  type(text: string): void;
  /** As from the person's clipboard, in brackets where the terminal was asked for them. */
  paste(text: string): void;
  /** A line a row, without trailing blanks. */
  lines(): string[];
  /** The same with colours and styles. */
  looks(): string;
  waitFor(pattern: RegExp, timeoutMs?: number): Promise<void>;
  /** One of tmux's formats, such as `#{mouse_any_flag}`. */
  ask(format: string): string;
  resize(cols: number, rows: number): void;
  /** The pid of the `cotg` that runs in it. */
  cotgPid(): number;
}

/** The shell's folder is empty, its prompt is `desk$ `, and `cotg` is the command with this data directory. */
export function openDesk(options: { readonly dataDir: string; readonly cols?: number; readonly rows?: number }): Desk {
  const { cols = 80, rows = 24 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'cotg-desk-'));
  const socket = join(folder, 'tmux');
  const compiled = process.env['COTG_TEST_COMPILE_CACHE'];
  const quoted = [process.execPath, ...cotgArguments('source', [])].map((word) => `'${word}'`).join(' ');
  writeFileSync(
    join(folder, 'cotg'),
    `#!/bin/sh\n${compiled === undefined ? '' : `export NODE_COMPILE_CACHE='${compiled}'\n`}COTG_DATA_DIR='${options.dataDir}' exec ${quoted} "$@"\n`,
    { mode: 0o755 },
  );
  writeFileSync(join(folder, 'rc'), `PS1='${PROMPT}'\nPATH='${folder}':$PATH\n`);
  const tmux = (args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      timeout: 20_000,
      cwd: folder,
    });
    if (status !== 0) throw new Error(`tmux ${args[0] ?? ''}: ${stderr}`);
    return stdout;
  };
  tmux([
    ...[
      'new-session',
      '-d',
      '-s',
      'desk',
      '-x',
      String(cols),
      '-y',
      String(rows),
      '-e',
      'LANG=C.UTF-8',
      `bash --noprofile --rcfile ${join(folder, 'rc')} -i`,
    ],
    ...[';', 'set', '-g', 'status', 'off', ';', 'set', '-g', 'escape-time', '0', ';', 'set', '-g', 'remain-on-exit', 'on'],
    // A program's own title, and no size but the one that is asked for.
    ...[
      ';',
      'set',
      '-g',
      'allow-rename',
      'off',
      ';',
      'set',
      '-g',
      'window-size',
      'manual',
      ';',
      'resize-window',
      '-x',
      String(cols),
      '-y',
      String(rows),
    ],
  ]);
  const desk: Desk = {
    press: (...keys) => void tmux(['send-keys', '-t', 'desk', ...keys]),
    type: (text) => void tmux(['send-keys', '-t', 'desk', '-l', '--', text]),
    run: (line) => {
      desk.type(line);
      desk.press('Enter');
    },
    paste: (text) => void tmux(['set-buffer', '--', text, ';', 'paste-buffer', '-p', '-t', 'desk']),
    lines: () => tmux(['capture-pane', '-p', '-t', 'desk']).split('\n').slice(0, -1),
    looks: () => tmux(['capture-pane', '-p', '-e', '-t', 'desk']),
    async waitFor(pattern, timeoutMs = PATIENCE_MS) {
      await eventually(
        () => desk.lines().join('\n'),
        (text) => pattern.test(text),
        { timeoutMs, what: `the terminal shows ${String(pattern)}` },
      );
    },
    ask: (format) => tmux(['display-message', '-p', '-t', 'desk', format]).trimEnd(),
    resize: (newCols, newRows) => void tmux(['resize-window', '-t', 'desk', '-x', String(newCols), '-y', String(newRows)]),
    cotgPid() {
      const shell = desk.ask('#{pane_pid}');
      const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', shell], { encoding: 'utf8' });
      const pid = Number(stdout.trim());
      if (!Number.isInteger(pid) || pid <= 1) throw new Error(`no command runs at the desk: ${stdout}`);
      return pid;
    },
    [Symbol.dispose]() {
      spawnSync('tmux', ['-S', socket, 'kill-server'], { timeout: 20_000 });
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return desk;
}
