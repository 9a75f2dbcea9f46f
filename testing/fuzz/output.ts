// Owns the fuzz of hostile output on its whole way: program, terminal, journal, emulator, viewer. One case is one session of some pieces: in the
// end the viewer, the server and a fresh replay of the journal show the same, the journal holds what was printed, and what was typed to the
// program are replies of fixed forms.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openScreenViewer } from '../screen-viewer.ts';
import { hashOfJournal } from '../soak.ts';
import { eventually } from '../start-server.ts';
import { chance, pick } from './case.ts';
import type { Findings, FuzzStage, FuzzTarget, Random } from './case.ts';
import { makeOutput, readRecordings } from './soup.ts';

const PRINTER = fileURLToPath(new URL('printer.ts', import.meta.url));
const MAX_PIECES = 30;
const SETTLE_MS = 60_000;
/** Spelled out here, not taken from the code: what may be typed to a program because of its own output. */
const REPLIES =
  // oxlint-disable-next-line no-control-regex -- replies are made of them.
  /^(?:\u001b\[(?:\?1;2c|>0;276;0c|0n|\??\d+;\d+R|\??\d+;[0-4]\$y|8;\d+;\d+t)|\u001bP[01]\$r(?:[\d;]*(?:m|r| q|"q|"p))?\u001b\\)*$/;

interface Printer extends AsyncDisposable {
  readonly socketPath: string;
  /** Resolves when the program has written everything to its terminal. */
  print(file: string, sizes: readonly number[]): Promise<void>;
}

async function openPrinter(socketPath: string): Promise<Printer> {
  let told: (() => void) | undefined;
  let connected: Socket | undefined;
  const arrived = Promise.withResolvers<Socket>();
  const server: Server = createServer((socket) => {
    connected = socket;
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('line', () => told?.());
    arrived.resolve(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(socketPath, resolve);
  });
  return {
    socketPath,
    async print(file, sizes) {
      const socket = await arrived.promise;
      await new Promise<void>((resolve) => {
        told = resolve;
        socket.write(`${JSON.stringify({ file, sizes })}\n`);
      });
    },
    async [Symbol.asyncDispose]() {
      connected?.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      rmSync(socketPath, { force: true });
    },
  };
}

export function fuzzOutput(stage: FuzzStage): FuzzTarget {
  const { server, work } = stage;
  const recordings = readRecordings();
  let sessions = 0;
  const get = async <T>(path: string): Promise<T> => (await (await server.api(path)).json()) as T;
  const run = async (random: Random): Promise<Findings> => {
    sessions += 1;
    const name = `s${sessions}`;
    const [typed, file] = [join(work, `${name}.typed`), join(work, `${name}.bin`)];
    await using printer = await openPrinter(join(work, `${name}.sock`));
    const size = { cols: 20 + random.below(120), rows: 5 + random.below(50) };
    const command = ['bash', '-c', `stty raw -echo; exec '${process.execPath}' '${PRINTER}' '${printer.socketPath}' '${typed}'`];
    // Other targets have made as many as there may be: they go one after the other.
    const created = await eventually(
      async () => {
        const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command, ...size }) });
        return { status: response.status, body: await response.text() };
      },
      ({ status }) => status === 201,
      { what: 'a session could be made', timeoutMs: SETTLE_MS },
    );
    const { id } = JSON.parse(created.body) as { id: string };
    const found: string[] = [];
    const printed: Buffer[] = [];
    try {
      await using viewer = openScreenViewer({ url: server.url, token: server.token, sessionId: id, ...size });
      await viewer.attached();
      for (let left = 1 + random.below(MAX_PIECES); left > 0; left -= 1) {
        const piece = makeOutput(random, recordings);
        printed.push(piece);
        writeFileSync(file, piece);
        const isSlow = piece.length < 400;
        const sizes = pick(random, [[piece.length + 1], [4096], isSlow ? [1] : [1000, 1], isSlow ? [1, 2, 3, 5] : [8192, 3, 511]]);
        if (chance(random, 4)) await viewer.want(20 + random.below(120), 5 + random.below(50));
        await printer.print(file, sizes);
      }
      const length = printed.reduce((sum, piece) => sum + piece.length, 0);
      await eventually(
        async () => ({ viewer: viewer.parsedOffset, session: (await get<{ endOffset: number }>(`/api/sessions/${id}`)).endOffset }),
        (at) => at.viewer === length && at.session === length,
        { what: `everything (${length} bytes) is stored and shown`, timeoutMs: SETTLE_MS },
      );
      const screen = await get<{ hash: string; cols: number; rows: number }>(`/api/sessions/${id}/screen?format=json&minOffset=${length}`);
      if (viewer.hash() !== screen.hash) found.push('the viewer shows another screen than the server');
      if ((await hashOfJournal(server, id)) !== screen.hash) found.push('a replay of the journal shows another screen than the server');
      if (viewer.holes > 0) found.push(`the viewer’s screen was built anew ${viewer.holes} times`);
      const raw = Buffer.from(await (await server.api(`/api/sessions/${id}/history?format=raw`)).arrayBuffer());
      if (!raw.equals(Buffer.concat(printed))) found.push('the history is not what was printed');
      const replies = readFileSync(typed, 'latin1');
      if (!REPLIES.test(replies)) found.push(`typed to the program: ${JSON.stringify(replies.slice(0, 300))}`);
    } catch (error) {
      found.push(error instanceof Error ? error.message : String(error));
    } finally {
      await server.api(`/api/sessions/${id}`, { method: 'DELETE' });
      await server.api(`/api/sessions/${id}?purge=1`, { method: 'DELETE' });
    }
    return found;
  };
  return { name: 'output', parallel: 2, run, [Symbol.asyncDispose]: () => Promise.resolve() };
}
