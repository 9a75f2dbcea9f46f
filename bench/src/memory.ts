// `pnpm bench:memory`: what 100 idle sessions cost, over all processes, after 1 MB of output each. Prints, never fails.
import { eventually, startTestServer } from '../../testing/start-server.ts';
import { round } from './figures.ts';
import { privateMiB, rssMiB } from './processes.ts';

const SESSIONS = 100;
/** What works on after a flood has ended by then: the reader of history (a minute without a question), compression (a second for 3 MB). */
const SETTLED_MS = 150_000;
const MIN_BYTES = 1_000_000;
/** 17,000 lines of 62 to 64 bytes. */
const PRINT = ['bash', '-c', 'seq -f "line %g of a program that prints one megabyte of output in all" 17000; exec sleep 100000'];

interface Status {
  readonly host: { readonly pid: number };
  readonly screens: { readonly pid: number } | null;
}

await using server = await startTestServer({ from: 'dist' });
const status = async (): Promise<Status> => (await (await server.api('/api/status')).json()) as Status;
const { host } = await status();
const asleep = (): Promise<unknown> =>
  eventually(
    async () => (await status()).screens,
    (screens) => screens === null,
    { what: 'all emulators sleep', timeoutMs: 300_000 },
  );

const figures = (): { host: number; server: number } => ({ host: privateMiB(host.pid), server: privateMiB(server.pid) });

// One session first, ended again: what the runtime loads at the first use is not what a session costs.
const warm = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: PRINT }) });
const { id } = (await warm.json()) as { id: string };
await (await server.api(`/api/sessions/${id}/screen`)).text();
await server.api(`/api/sessions/${id}?purge=1`, { method: 'DELETE' });
await asleep();
// As long as below: both figures are of processes that have settled.
await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
const before = figures();

for (let n = 0; n < SESSIONS; n += 1) {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: PRINT }) });
  if (!response.ok) throw new Error(await response.text());
}
await eventually(
  async () =>
    ((await (await server.api('/api/sessions')).json()) as { endOffset: number }[]).filter((session) => session.endOffset > MIN_BYTES)
      .length,
  (count) => count === SESSIONS,
  { what: 'all have printed', timeoutMs: 600_000 },
);
const busy = await status();
const peak = busy.screens === null ? 0 : rssMiB(busy.screens.pid);
await asleep();
await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
const after = figures();
process.stdout.write(`${SESSIONS} sessions, 1 MB of output each, all idle, no emulator awake\n`);
const line = (what: string, from: number, to: number): void => {
  process.stdout.write(
    `${what.padEnd(20)} before ${round(from, 1).padStart(6)} MiB  after ${round(to, 1).padStart(6)} MiB  difference ${round(to - from, 1).padStart(6)} MiB\n`,
  );
};
// Private memory: what would be given back if they ended. The rest is shared with every other Node process.
line('host', before.host, after.host);
line('server', before.server, after.server);
line('together', before.host + before.server, after.host + after.server);
process.stdout.write(`screens process while busy     ${round(peak, 1)} MiB, ended since\n`);
await server.close();
process.exit(0);
