// `pnpm bench:memory`: what 100 idle sessions cost, over all processes, after 1 MB of output each. Prints, never fails.
import { eventually, startTestServer } from '../../testing/start-server.ts';
import { round } from './figures.ts';
import { privateMiB, rssMiB } from './processes.ts';

const SESSIONS = 100;
const PRINT = [
  'bash',
  '-c',
  'for i in $(seq 1 14000); do echo "line $i of a program that prints one megabyte in all, $((i * 7919 % 100003))"; done; exec sleep 100000',
];

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

const figures = (): { rss: number; own: number } => ({
  rss: rssMiB(host.pid) + rssMiB(server.pid),
  own: privateMiB(host.pid) + privateMiB(server.pid),
});

// One session first, ended again: what the runtime loads at the first use is not what a session costs.
const warm = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: PRINT }) });
const { id } = (await warm.json()) as { id: string };
await (await server.api(`/api/sessions/${id}/screen`)).text();
await server.api(`/api/sessions/${id}?purge=1`, { method: 'DELETE' });
await asleep();
const before = figures();

for (let n = 0; n < SESSIONS; n += 1) {
  const response = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command: PRINT }) });
  if (!response.ok) throw new Error(await response.text());
}
await eventually(
  async () =>
    ((await (await server.api('/api/sessions')).json()) as { endOffset: number }[]).filter((session) => session.endOffset > 1_000_000)
      .length,
  (count) => count === SESSIONS,
  { what: 'all have printed', timeoutMs: 600_000 },
);
const busy = await status();
const peak = busy.screens === null ? 0 : rssMiB(busy.screens.pid);
await asleep();
const after = figures();
process.stdout.write(`${SESSIONS} sessions, 1 MB of output each, all idle, no emulator awake\n`);
process.stdout.write(
  `resident, host + server        before ${round(before.rss, 1)} MiB  after ${round(after.rss, 1)} MiB  difference ${round(after.rss - before.rss, 1)} MiB\n`,
);
process.stdout.write(
  `private, host + server         before ${round(before.own, 1)} MiB  after ${round(after.own, 1)} MiB  difference ${round(after.own - before.own, 1)} MiB\n`,
);
process.stdout.write(`screens process while busy     ${round(peak, 1)} MiB, ended since\n`);
await server.close();
process.exit(0);
