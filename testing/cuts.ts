// Owns the proof that a key is typed exactly once: somebody types counters while the connection is cut at random, and while the server is killed
// between applying and acknowledging. Real server, host, PTY and proxy, the page's own queue. `pnpm test:cuts --n 1000 --seed S` runs it alone.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeRandom } from '@cotg/pty/testing';
import { startBehindProxy } from './behind-proxy.ts';
import { openScreenViewer } from './screen-viewer.ts';
import { eventually, makeDataDir } from './start-server.ts';

/** Of a hundred cuts: so many end the server itself, and after so many the next one comes before everything was applied. */
const KILLS_PERCENT = 10;
const HASTY_PERCENT = 30;
/** Counters typed around a cut, and the pause between two of them at most (ms). */
const MAX_COUNTERS = 12;
const MAX_PAUSE_MS = 6;
/** A key waits 10 s in a cut before it is refused; a kill and a start on a loaded machine stay below. */
const SETTLE_MS = 60_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface CutsResult {
  readonly cuts: number;
  readonly kills: number;
  readonly typed: number;
  readonly lost: number;
  readonly doubled: number;
  /** The program got exactly what was typed, in order. */
  readonly isExact: boolean;
  /** Keys that the page said would not be typed. */
  readonly refusals: number;
  /** From a cut to everything applied (ms). */
  readonly resumeMs: readonly number[];
  /** The viewer's screen is the emulator's. */
  readonly isSameScreen: boolean;
  readonly holes: number;
}

export async function runCuts(options: {
  readonly n: number;
  readonly seed: number;
  readonly from?: 'dist' | 'source';
}): Promise<CutsResult> {
  const random = makeRandom(options.seed);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const dataDir = makeDataDir();
  await using behind = await startBehindProxy({ dataDir, from: options.from ?? 'source' });
  const { server, proxy, url } = behind;
  // What arrives is written down by the program itself, and printed.
  const log = join(dataDir, 'typed');
  const command = ['bash', '-c', `stty raw -echo; exec tee '${log}'`];
  const created = await server.api('/api/sessions', { method: 'POST', body: JSON.stringify({ command }) });
  const { id } = (await created.json()) as { id: string };
  await using viewer = openScreenViewer({ url, token: server.token, sessionId: id });
  await viewer.attached();

  let [counter, kills] = [0, 0];
  let expected = '';
  const type = (): void => {
    counter += 1;
    if (viewer.type(`${counter};`)) expected += `${counter};`;
  };
  const resumeMs: number[] = [];
  for (let cut = 0; cut < options.n; cut += 1) {
    const before = random.below(MAX_COUNTERS);
    for (let n = 0; n < before; n += 1) {
      type();
      if (chance(50)) await pause(random.below(MAX_PAUSE_MS));
    }
    const since = performance.now();
    if (chance(KILLS_PERCENT)) {
      kills += 1;
      const gone = server.kill('SIGKILL');
      type();
      await gone;
      await server.start();
    } else {
      proxy.cut();
    }
    const after = random.below(MAX_COUNTERS / 2);
    for (let n = 0; n < after; n += 1) {
      type();
      if (chance(50)) await pause(random.below(MAX_PAUSE_MS));
    }
    if (chance(HASTY_PERCENT)) {
      await eventually(
        () => viewer.client.state(),
        (state) => state === 'live',
        { what: 'connected again', timeoutMs: SETTLE_MS },
      );
      continue;
    }
    await eventually(
      () => viewer.pendingInputs,
      (pending) => pending === 0,
      { what: `all is applied after cut ${cut}`, timeoutMs: SETTLE_MS },
    );
    resumeMs.push(performance.now() - since);
  }
  type();
  await eventually(
    () => viewer.pendingInputs,
    (pending) => pending === 0,
    { what: 'all is applied in the end', timeoutMs: SETTLE_MS },
  );
  const received = await eventually(
    () => readFileSync(log, 'utf8'),
    (text) => text.endsWith(`${counter};`),
    { what: 'the program has the last counter' },
  );
  const { endOffset } = await eventually(
    async () => (await (await server.api(`/api/sessions/${id}`)).json()) as { endOffset: number },
    (session) => session.endOffset >= received.length && viewer.parsedOffset === session.endOffset,
    { what: 'the viewer shows all' },
  );
  const screen = await server.api(`/api/sessions/${id}/screen?format=json&minOffset=${endOffset}`);
  const { hash } = (await screen.json()) as { hash: string };
  const [viewerHash, holes, refusals] = [viewer.hash(), viewer.holes, viewer.refusals.length];
  await server.close();
  await proxy.close();
  rmSync(dataDir, { recursive: true, force: true });

  const counts = new Map<string, number>();
  for (const each of received.split(';').slice(0, -1)) counts.set(each, (counts.get(each) ?? 0) + 1);
  const wanted = expected.split(';').slice(0, -1);
  return {
    cuts: options.n,
    kills,
    typed: wanted.length,
    lost: wanted.filter((each) => !counts.has(each)).length,
    doubled: [...counts.values()].filter((count) => count > 1).length,
    isExact: received === expected,
    refusals,
    resumeMs,
    isSameScreen: hash === viewerHash,
    holes,
  };
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { n: { type: 'string', default: '1000' }, seed: { type: 'string' } } });
  const [n, seed] = [Number(values.n), Number(values.seed ?? Date.now() % 1_000_000_000)];
  if (!Number.isInteger(n) || n < 1 || !Number.isInteger(seed)) {
    process.stderr.write('usage: pnpm test:cuts [--n 1000] [--seed S]\n');
    process.exit(2);
  }
  process.stdout.write(`${n} cuts, seed ${seed}\n`);
  const result = await runCuts({ n, seed, from: 'dist' });
  const sorted = result.resumeMs.toSorted((a, b) => a - b);
  const at = (p: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN).toFixed(0);
  process.stdout.write(
    `${result.cuts} cuts, ${result.kills} of them kill -9 of the server: ${result.typed} counters typed, ${result.lost} lost, ${result.doubled} doubled, ` +
      `${result.isExact ? 'in order' : 'NOT as typed'}, ${result.refusals} refused; from a cut to all applied p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ` +
      `screens ${result.isSameScreen ? 'equal' : 'DIFFER'}, ${result.holes} holes\n`,
  );
  const passed = result.lost === 0 && result.doubled === 0 && result.isExact && result.refusals === 0 && result.isSameScreen;
  process.exit(passed ? 0 : 1);
}
