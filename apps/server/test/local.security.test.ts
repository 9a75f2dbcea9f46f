// What another user of this computer can reach: the host's socket and the data directory. SECURITY 56, 57.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Session } from '@cotg/api';
import { eventually, runCotg, startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

/** "nobody" on every system we know. */
const OTHER_UID = 65_534;
const isRoot = process.getuid?.() === 0;

/** A folder that every user may pass through. */
const open = mkdtempSync('/tmp/cotg-open-');

let server: TestServer;
let session: Session;
let socketPath: string;
beforeAll(async () => {
  // The run's own folder for temporary files may be closed to others: here only our own modes keep them out.
  chmodSync(open, 0o711);
  server = await startTestServer({ dataDir: join(open, 'data') });
  session = (await (await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: ['cat'] }) })).json()) as Session;
  socketPath = join(server.dataDir, 'host.sock');
});
afterAll(async () => {
  await server.close();
  rmSync(open, { recursive: true });
});

/** A frame as packages/pty/src/protocol/framing.ts describes it. */
function frame(header: string, options: { total?: number; headerBytes?: number } = {}): Buffer {
  const bytes = Buffer.from(header);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(options.total ?? 4 + bytes.length, 0);
  head.writeUInt32BE(options.headerBytes ?? bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

const secret = (): string => readFileSync(join(server.dataDir, 'host.secret'), 'utf8').trim();
const hello = (more: object): Buffer =>
  frame(JSON.stringify({ type: 'hello', id: 1, protocol: 2, secret: 'x', clientVersion: 't', ...more }));

/** Says this to the host; resolves with what came when the host has hung up. */
async function say(bytes: Buffer): Promise<string> {
  const socket = connect(socketPath);
  socket.on('error', () => undefined);
  let got = '';
  socket.on('data', (chunk: Buffer) => {
    got += chunk.toString('latin1');
  });
  const closed = once(socket, 'close');
  socket.write(bytes);
  await closed;
  return got;
}

test('S56: whatever a stranger says to the host, that connection ends, nothing is told, and every terminal goes on', async () => {
  const pid = await server.hostPid();
  const wrong = secret().slice(0, -1) + (secret().endsWith('x') ? 'y' : 'x');
  const said: readonly (readonly [string, Buffer])[] = [
    ['a wrong secret', hello({ secret: wrong })],
    ['an empty secret', hello({ secret: '' })],
    ['no secret', frame('{"type":"hello","id":1,"protocol":2,"clientVersion":"t"}')],
    ['a secret of another type', hello({ secret: { length: 43 } })],
    ['a secret in a list', hello({ secret: [secret()] })],
    ['the owner token', hello({ secret: server.token })],
    ['another version', hello({ protocol: 99, secret: secret() })],
    ['a request without a hello', frame('{"type":"list","id":1}')],
    ['a kill without a hello', frame(`{"type":"kill","id":1,"sessionId":"${session.id}","reason":"user"}`)],
    ['a line of 10 MB', Buffer.from('x'.repeat(10_000_000))],
    ['a frame that claims 4 GB', frame('{}', { total: 0xffff_ffff })],
    ['a header longer than its frame', frame('{}', { headerBytes: 5000 })],
    ['a header that is no JSON', frame('hello there')],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    // The rest of these never comes: the host does not wait for it longer than it has to.
    ['half a length', Buffer.from([0, 0])],
    ['half a message', hello({ secret: wrong }).subarray(0, 30)],
  ];
  const told = await Promise.all(said.map(async ([what, bytes]) => [what, await say(bytes)] as const));
  for (const [what, text] of told) {
    expect([what, text]).not.toEqual([what, expect.stringContaining(session.id)]);
    expect(text).not.toContain('"type":"reply"');
    for (const hidden of [secret(), server.dataDir]) expect(text).not.toContain(hidden);
  }
  expect(await server.hostPid()).toBe(pid);
  await server.api(`/api/sessions/${session.id}/input`, { method: 'POST', body: JSON.stringify({ data: 'still here\n' }) });
  await eventually(
    async () => (await server.api(`/api/sessions/${session.id}/screen`)).text(),
    (screen) => screen.includes('still here'),
    { what: 'the terminal answers' },
  );
});

test.runIf(isRoot)('S56: another user cannot reach the socket, and with the way open still lacks the secret', async () => {
  expect(statSync(server.dataDir).mode & 0o777).toBe(0o700);
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  const asOther = (program: string): string =>
    spawnSync(process.execPath, ['-e', program], {
      uid: OTHER_UID,
      gid: OTHER_UID,
      cwd: '/',
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    }).stdout;
  // Node itself must be there for that user: it may live in a folder of root's.
  if (!asOther("console.log('runs')").includes('runs')) return;
  const attempt = `const s = require('node:net').connect(${JSON.stringify(socketPath)}); s.on('error', (e) => console.log(e.code));
    s.on('connect', () => { console.log('connected'); s.write(Buffer.from(${JSON.stringify(hello({}).toString('base64'))}, 'base64')); });
    s.on('data', (d) => console.log(String(d).includes('NOT_ALLOWED') ? 'refused' : 'answered')); s.on('close', () => console.log('closed'));`;
  const read = `try { console.log(require('node:fs').readFileSync(${JSON.stringify(join(server.dataDir, 'owner.token'))}, 'utf8')); } catch (e) { console.log(e.code); }`;
  expect(asOther(attempt)).toContain('EACCES');
  expect(asOther(read).trim()).toBe('EACCES');
  chmodSync(server.dataDir, 0o755);
  chmodSync(socketPath, 0o666);
  try {
    expect(asOther(attempt).trim().split('\n')).toEqual(['connected', 'refused', 'closed']);
    expect(asOther(read).trim()).toBe('EACCES');
  } finally {
    chmodSync(socketPath, 0o600);
    chmodSync(server.dataDir, 0o700);
  }
});

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
function parent(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-test-'));
  folders.push(folder);
  return folder;
}

const UNSAFE: readonly (readonly [string, RegExp, (folder: string) => string])[] = [
  ...[0o750, 0o701, 0o720, 0o1777].map(
    (mode) =>
      [
        `has mode ${mode.toString(8)}`,
        /chmod 700/,
        (folder: string): string => {
          const path = join(folder, 'data');
          mkdirSync(path);
          chmodSync(path, mode);
          return path;
        },
      ] as const,
  ),
  [
    'is a link',
    /symbolic link/,
    (folder) => {
      mkdirSync(join(folder, 'real'), { mode: 0o700 });
      symlinkSync(join(folder, 'real'), join(folder, 'data'));
      return join(folder, 'data');
    },
  ],
  [
    'is a link to nowhere',
    /symbolic link|cannot be used/,
    (folder) => {
      symlinkSync(join(folder, 'nowhere'), join(folder, 'data'));
      return join(folder, 'data');
    },
  ],
  [
    'lies where everybody can write and rename',
    /everybody can write/,
    (folder) => {
      chmodSync(folder, 0o777);
      return join(folder, 'data');
    },
  ],
];

test('S57: a data directory that others can enter, that is a link, or that others can exchange is refused with how to mend it', async () => {
  const results = await Promise.all(
    UNSAFE.map(async ([what, says, make]) => {
      const path = make(parent());
      const { code, stderr, stdout } = await runCotg(['serve', '--port', '0'], { dataDir: path });
      return [what, code !== 0 && code !== null && says.test(stderr) && stdout === '' ? 'refused' : `${code}: ${stderr}`];
    }),
  );
  expect(results).toEqual(UNSAFE.map(([what]) => [what, 'refused']));
});

test.runIf(isRoot)('S57: a data directory of another user is refused', async () => {
  const path = join(parent(), 'data');
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, OTHER_UID, OTHER_UID);
  const { code, stderr } = await runCotg(['serve', '--port', '0'], { dataDir: path });
  expect([code, stderr]).toEqual([5, expect.stringContaining('belongs to another user')]);
});

test('S57: with a umask that hides nothing every file is still the owner’s alone, and a sticky folder above is taken', async () => {
  const above = parent();
  chmodSync(above, 0o1777);
  const path = join(above, 'data');
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  // A shell only to set the umask of what follows; nothing of ours is in its line.
  const child = spawn(
    'sh',
    ['-c', 'umask 000; exec "$@"', 'sh', process.execPath, '--conditions=@cotg/source', main, 'serve', '--port', '0', '--data-dir', path],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const url = /http:\S+/.exec(line.toString())?.[0] ?? '';
    const token = readFileSync(join(path, 'owner.token'), 'utf8').trim();
    const made = await fetch(`${url}/api/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ command: ['sh', '-c', 'umask; sleep 60'] }),
    });
    const { id } = (await made.json()) as Session;
    await eventually(
      async () => (await fetch(`${url}/api/sessions/${id}/screen`, { headers: { authorization: `Bearer ${token}` } })).text(),
      (screen) => screen.trim() !== '',
      { what: 'output is stored' },
    );
    expect(statSync(path).mode & 0o777).toBe(0o700);
    const modes = readdirSync(path, { withFileTypes: true }).map((entry) => [
      entry.name,
      (statSync(join(path, entry.name)).mode & 0o777).toString(8),
    ]);
    expect(modes.length).toBeGreaterThan(6);
    expect(modes).toEqual(readdirSync(path, { withFileTypes: true }).map((entry) => [entry.name, entry.isDirectory() ? '700' : '600']));
  } finally {
    await runCotg(['stop', '--all', '--yes'], { dataDir: path });
    child.kill('SIGKILL');
  }
});
