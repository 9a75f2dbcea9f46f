// `cotg attach` and `cotg new` at a desk: a real terminal emulator with a shell in it.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openScreenViewer } from '../../../testing/screen-viewer.ts';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';
import { HAS_TMUX, openDesk, PATIENCE_MS } from './support/desk.ts';
import type { Desk } from './support/desk.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server.close();
});

afterEach(async () => {
  // A test that failed in a cut fails alone.
  if (!(await server.api('/healthz').catch(() => undefined))) await server.start();
});

interface Listed {
  readonly id: string;
  readonly name: string | null;
  readonly viewers: number;
  readonly cols: number;
  readonly rows: number;
}

const sessionNamed = async (name: string): Promise<Listed> =>
  eventually(
    async () => ((await (await server.api('/api/sessions')).json()) as Listed[]).find((session) => session.name === name) as Listed,
    (session) => (session as Listed | undefined) !== undefined,
    { timeoutMs: PATIENCE_MS, what: `a session ${name}` },
  );
const screenOf = async (id: string): Promise<string[]> => (await (await server.api(`/api/sessions/${id}/screen`)).text()).split('\n');
const typedOnce = (text: string, what: string): number => text.split(what).length - 1;

/** The command's screen and the emulator's are the same, row by row. */
async function expectSameScreen(desk: Desk, id: string): Promise<void> {
  const trimmed = (lines: readonly string[]): string => lines.join('\n').trimEnd();
  await eventually(
    async () => ({ desk: trimmed(desk.lines()), session: trimmed(await screenOf(id)) }),
    (both) => both.desk === both.session && both.desk !== '',
    { timeoutMs: PATIENCE_MS, what: 'the desk shows the session' },
  );
}

async function detach(desk: Desk): Promise<void> {
  desk.press('C-\\', 'd');
  await desk.waitFor(/\[left [0-9a-f]{8}, it runs on: `cotg attach [0-9a-f]{8}` comes back\]\ndesk\$/);
}

const BASH = 'bash --noprofile --norc -c \'PS1="in> " exec bash --noprofile --norc\'';

// Each starts a dozen processes.
describe.runIf(HAS_TMUX)('at the desk', { timeout: 300_000 }, () => {
  test('a session begun at the desk is typed into, left, and found again as it was', async () => {
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run(`cotg new --name daily -- ${BASH}`);
    await desk.waitFor(/^in>/);
    const { id, cols, rows } = await sessionNamed('daily');
    expect([cols, rows]).toEqual([80, 24]);
    desk.run("printf '\\033[31mred\\033[0m 漢字 done\\n'");
    await desk.waitFor(/^red 漢字 done/m);
    await expectSameScreen(desk, id);
    expect(desk.looks()).toContain('\u001b[31mred');
    await detach(desk);
    // The shell's own screen is there again, and nothing of the session's.
    expect(desk.lines()[0]).toMatch(/^desk\$ cotg new/);
    expect(desk.lines().join('\n')).not.toContain('red 漢字');
    expect(desk.ask('#{alternate_on}')).toBe('0');

    desk.run(`cotg attach ${id.slice(0, 8)}`);
    await desk.waitFor(/^red 漢字 done/m);
    await expectSameScreen(desk, id);
    desk.run('exit 7');
    await desk.waitFor(/ended: exit 7\]\ndesk\$/);
    // What it left on its screen stays.
    expect(desk.lines().join('\n')).toContain('red 漢字 done');
    desk.run('echo code=$?');
    await desk.waitFor(/^code=7/m);
    // Also of one that has ended already.
    desk.run(`clear; cotg attach ${id}; echo again=$?`);
    await desk.waitFor(/ended: exit 7\]\nagain=7/);
  });

  test('a full-screen program is shown exactly, and again after leaving, at another size, and behind a restart of the server', async () => {
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run('cotg new --name editor -- vim -u NONE -N -i NONE -n +"set nu ruler" "+syntax on" /etc/services');
    await desk.waitFor(/^ +1 # Network/m);
    const { id } = await sessionNamed('editor');
    await expectSameScreen(desk, id);
    desk.press('G', 'C-b');
    await expectSameScreen(desk, id);
    desk.resize(100, 30);
    await eventually(
      () => sessionNamed('editor'),
      (session) => session.cols === 100 && session.rows === 30,
      { timeoutMs: PATIENCE_MS, what: 'the session has the size of the desk' },
    );
    await expectSameScreen(desk, id);
    await detach(desk);
    desk.run(`cotg attach ${id}`);
    await desk.waitFor(/^ *\d+ \S/m);
    await expectSameScreen(desk, id);

    await server.kill('SIGKILL');
    await desk.waitFor(/^Reconnecting… Ctrl-\\ d leaves/m);
    // Typed while nobody answers: it waits.
    desk.type(':1\r');
    await server.start();
    await desk.waitFor(/^ +1 # Network/m);
    await expectSameScreen(desk, id);
    expect(desk.lines().join('\n')).not.toContain('Reconnecting');
    desk.type(':cq 9\r');
    await desk.waitFor(/ended: exit 9\]\ndesk\$/);
  });

  test('over cuts and kills of the server each key is typed once, in order, and nothing that came meanwhile is missing', async () => {
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run('cotg new --name typed -- bash --noprofile --norc -c \'while read -r line; do echo "got $line"; done\'');
    const { id } = await sessionNamed('typed');
    desk.type('first\r');
    await desk.waitFor(/got first$/m);
    const expected: string[] = [];
    for (let n = 1; n <= 3; n += 1) {
      desk.type(`before${n}\r`);
      await server.kill('SIGKILL');
      await desk.waitFor(/Reconnecting…/);
      desk.type(`away${n}\r`);
      const sinceMs = performance.now();
      await server.start();
      await eventually(
        () => sessionNamed('typed'),
        ({ viewers }) => viewers === 1,
        { timeoutMs: PATIENCE_MS, what: 'attached again' },
      );
      await eventually(
        () => desk.lines().join('\n'),
        (text) => !text.includes('Reconnecting'),
        { timeoutMs: PATIENCE_MS, what: 'nothing more is said' },
      );
      // What has waited for ten seconds is not typed, and that is said.
      const isTyped = performance.now() - sinceMs < 10_000;
      desk.type(`after${n}\r`);
      await desk.waitFor(new RegExp(`got after${n}$`, 'm'));
      expected.push(...(isTyped ? [`got before${n}`, `got away${n}`] : []), `got after${n}`);
    }
    const text = await (await server.api(`/api/sessions/${id}/history?format=text`)).text();
    const came = text.split('\n').filter((line) => line.startsWith('got '));
    // On a computer that starts a server in about that time it is one or the other.
    expect(came.filter((line) => expected.includes(line))).toEqual(expected);
    expect(new Set(came).size).toBe(came.length);
    expect(came.every((line) => /^got (?:first|(?:before|away|after)[123])$/.test(line))).toBe(true);
    await expectSameScreen(desk, id);
    desk.press('C-d');
    await desk.waitFor(/ended: exit 0\]/);
  });

  test('a server that comes back under another port is found', async () => {
    await using moved = await startTestServer();
    using desk = openDesk({ dataDir: moved.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run('cotg new --name moves -- cat');
    await eventually(
      async () => (await (await moved.api('/api/sessions')).json()) as Listed[],
      ([session]) => session?.viewers === 1,
      { timeoutMs: PATIENCE_MS, what: 'attached' },
    );
    await moved.kill('SIGKILL');
    const { port } = moved;
    await moved.start({ COTG_PORT: '0' });
    expect(moved.port).not.toBe(port);
    desk.type('found\r');
    await desk.waitFor(/^found\nfound$/m);
  });

  test('what a program asks its terminal is answered once, by the server alone', async () => {
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    // Each asks, and shows what was typed to it; the desk's own terminal would answer several of these.
    const asks = String.raw`\033[c\033[>c\033[5n\033[6n\033[?2004$p\033P$qm\033\\\033]10;?\007\033]11;?\007\033[14t\033[18t\033[>q`;
    desk.run(
      `cotg new --name asks -- bash --noprofile --norc -c 'stty -echo -icanon; printf "${asks}"; sleep 0.1; while IFS= read -r -n1 -d "" c; do printf "%q " "$c"; [ "$c" = e ] && exit 3; done'`,
    );
    const { id } = await sessionNamed('asks');
    await desk.waitFor(/R /);
    desk.type('e');
    await desk.waitFor(/ended: exit 3\]/);
    const text = await (await server.api(`/api/sessions/${id}/history?format=text`)).text();
    expect(typedOnce(text, '1 \\; 2 c'), text).toBe(1);
    expect(typedOnce(text, 'R '), text).toBe(1);
    expect(typedOnce(text, '0 n'), text).toBe(1);
    // The key is the last thing that arrives: no terminal answers behind it.
    expect(text.trimEnd().endsWith('e'), text).toBe(true);
    desk.run('cat -v');
    await desk.waitFor(/cat -v\n/);
    desk.type('end\r');
    await desk.waitFor(/^end\nend$/m);
    // Nor did an answer wait for the shell.
    expect(desk.lines().join('\n')).not.toMatch(/\^\[|rgb:/);
  });

  test('keys, mouse, paste and screen are the program’s, and given back however the command ends', async () => {
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    const modes = '#{alternate_on} #{mouse_any_flag} #{mouse_sgr_flag} #{keypad_cursor_flag} #{keypad_flag} #{cursor_flag}';
    const before = desk.ask(modes);
    const wants = String.raw`\033[?1002h\033[?1006h\033[?1h\033=\033[?2004h\033[?25l\033[5 q`;
    for (const [index, signal] of (['SIGTERM', 'SIGHUP', 'SIGINT'] as const).entries()) {
      desk.run('clear');
      desk.run(
        index === 0
          ? `cotg new --name modes -- bash --noprofile --norc -c 'stty -echo -icanon; printf "${wants}ready"; cat -v'; echo code=$?`
          : `cotg attach ${(await sessionNamed('modes')).id}; echo code=$?`,
      );
      await desk.waitFor(/^ready/);
      await eventually(
        () => desk.ask(modes),
        (now) => now === '1 1 1 1 1 0',
        { timeoutMs: PATIENCE_MS, what: 'the modes of the program' },
      );
      if (index === 0) {
        desk.paste('two words');
        await desk.waitFor(/\^\[\[200~two words\^\[\[201~/);
        desk.press('Up');
        await desk.waitFor(/\^\[OA/);
      }
      process.kill(desk.cotgPid(), signal);
      await desk.waitFor(new RegExp(`^code=${[143, 129, 130][index]}\\ndesk\\$`, 'm'));
      expect(desk.ask(modes)).toBe(before);
      desk.run('echo typed as before');
      await desk.waitFor(/^typed as before/m);
    }
    const { id } = await sessionNamed('modes');
    desk.run(`clear; cotg attach ${id}; echo code=$?`);
    await desk.waitFor(/^ready/);
    await server.api(`/api/sessions/${id}`, { method: 'DELETE' });
    await desk.waitFor(/ended: killed by SIG(HUP|TERM|KILL)\]\ncode=1(29|43|37)/);
    expect(desk.ask(modes)).toBe(before);
  });

  test('Ctrl-\\ twice is one, and the signal it sends is the exit code', async () => {
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run('cotg new --name quits -- cat; echo code=$?');
    const { id } = await sessionNamed('quits');
    await eventually(
      () => sessionNamed('quits'),
      ({ viewers }) => viewers === 1,
      { timeoutMs: PATIENCE_MS, what: 'attached' },
    );
    desk.press('C-\\', 'C-\\');
    await desk.waitFor(/ended: killed by SIGQUIT\]\ncode=131/);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('the size stays with whoever set it, until the desk asks for it', async () => {
    const { stdout } = await runCotg(
      ['new', '--detach', '--name', 'sized', '--', 'bash', '--noprofile', '--norc', '-c', 'echo here; exec cat'],
      {
        dataDir: server.dataDir,
      },
    );
    await using phone = openScreenViewer({ url: server.url, token: server.token, sessionId: stdout.trim(), cols: 40, rows: 12 });
    await phone.attached();
    await phone.waitForScreen(/here/);
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run(`cotg attach ${stdout.trim()}`);
    await desk.waitFor(/^Another viewer has made it 40 x 12\. Ctrl-\\ s gives it the size of this terminal/m);
    expect(phone.grid).toEqual({ cols: 40, rows: 12 });
    desk.press('C-\\', 's');
    await eventually(
      () => phone.grid,
      ({ cols, rows }) => cols === 80 && rows === 24,
      { timeoutMs: PATIENCE_MS, what: 'the phone sees the size of the desk' },
    );
    await eventually(
      () => desk.lines().join('\n'),
      (text) => !text.includes('Another viewer'),
      { timeoutMs: PATIENCE_MS, what: 'nothing more is said' },
    );
    // Taken back on the phone: it goes on there, and the desk shows what fits.
    await phone.client.api.session.takeControl.mutate({ sessionId: stdout.trim(), viewerId: phone.id, cols: 120, rows: 40 });
    await desk.waitFor(/^Another viewer has made it 120 x 40\./m);
    await detach(desk);
    await eventually(
      () => sessionNamed('sized'),
      ({ viewers }) => viewers === 1,
      { timeoutMs: PATIENCE_MS, what: 'the desk is gone' },
    );
  });

  test('a flood ends with the right screen, and leaving works in the middle of it', async () => {
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run("cotg new --name flood -- bash --noprofile --norc -c 'read -r go; seq 1 400000; echo over; exec cat'");
    const { id } = await sessionNamed('flood');
    await eventually(
      () => sessionNamed('flood'),
      ({ viewers }) => viewers === 1,
      { timeoutMs: PATIENCE_MS, what: 'attached' },
    );
    desk.type('go\r');
    await desk.waitFor(/^\d{4,6}\n\d{4,6}\n/);
    await detach(desk);
    desk.run(`cotg attach ${id}`);
    await desk.waitFor(/^over$/m);
    await expectSameScreen(desk, id);
  });

  test('without a terminal attach says so and exits with 2; new prints the id', async () => {
    const made = await runCotg(['new', '--name', 'script', '--', 'sleep', '1000'], { dataDir: server.dataDir });
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/^[0-9a-f-]{36}\n$/);
    const attached = await runCotg(['attach', made.stdout.trim()], { dataDir: server.dataDir });
    expect([attached.code, attached.stdout]).toEqual([2, '']);
    expect(attached.stderr).toMatch(/^cotg: attach needs a terminal/);
    using desk = openDesk({ dataDir: server.dataDir });
    await desk.waitFor(/desk\$/);
    desk.run(`cotg attach ${made.stdout.trim()} < /dev/null; echo code=$?`);
    await desk.waitFor(/^code=2/m);
    desk.run('clear; cotg new --detach -- sleep 1000; echo code=$?');
    await desk.waitFor(/^[0-9a-f-]{36}\nhttp.*\ncode=0/m);
    desk.run('clear; cotg attach 00000000-0000-4000-8000-000000000000; echo code=$?');
    await desk.waitFor(/cotg: .*\ncode=1/);
  });
});
