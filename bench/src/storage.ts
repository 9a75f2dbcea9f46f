// `pnpm bench:storage`: what the journal's storage core costs and gains, on its own: ratios of sealed segments over the recordings, latency of
// commits, bytes written per byte of output, the length of the log, the speed of reading. Prints, never fails. About two minutes.
import { readdirSync, readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { openJournal } from '@cotg/db/journal';
import type { SqliteJournal } from '@cotg/db/journal';
import { median, percentile, round } from './figures.ts';
import { rssMiB } from './processes.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const MB = 1e6;
const RECORDINGS = new URL('../../fixtures/recordings/', import.meta.url);
/** Synthetic agents that repaint whole frames and near-identical compiler output: they flatter every codec (100 : 1 and more). */
const LEFT_OUT = /^(?:ink-agent|gpp-errors)/;
const CAP_BYTES = 600_000;

const SINGLE_COMMITS = 1000;
const CHATTY_SESSIONS = 100;
const CHATTY_SECONDS = 10;
const FLOOD_BYTES = 400 * MB;
/** What a terminal's program prints at the most on this class of machine. */
const FLOOD_BYTES_PER_MS = 50_000;
const CHUNK_BYTES = 4095;
const STREAM_BYTES = 50 * MB;

const never = new AbortController().signal;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const write = (line: string): void => void process.stdout.write(`${line}\n`);

function recordings(): { readonly name: string; readonly bytes: Buffer }[] {
  return readdirSync(RECORDINGS)
    .filter((file) => /\.bin(?:\.gz)?$/.test(file) && !LEFT_OUT.test(file))
    .map((file) => {
      const raw = readFileSync(new URL(file, RECORDINGS));
      const bytes = file.endsWith('.gz') ? gunzipSync(raw) : raw;
      return { name: file.replace(/\.bin(?:\.gz)?$/, ''), bytes: bytes.subarray(0, CAP_BYTES) };
    });
}

async function withJournal<T>(run: (journal: SqliteJournal) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'cotg-bench-'));
  const journal = await openJournal({
    path: join(directory, 'journal.db'),
    synchronous: 'normal',
    onNotice: (notice) => write(`  notice: ${JSON.stringify(notice)}`),
  });
  journal.followed(true);
  try {
    return await run(journal);
  } finally {
    await journal.close();
    rmSync(directory, { recursive: true });
  }
}

function create(journal: SqliteJournal): string {
  return journal.createSession({
    id: randomUUID(),
    command: ['bench'],
    cwd: '/',
    cols: 80,
    rows: 24,
    maxHistoryBytes: 1024 * MIB,
    idleTimeoutMs: 0,
    createdAt: Date.now(),
  }).id;
}

/** Every page of a history, unpacked. Returns the bytes seen. */
async function readAll(journal: SqliteJournal, id: string): Promise<number> {
  let seen = 0;
  let at: { offset: number; mark: number; cursor: string | null } | null = { offset: 0, mark: 0, cursor: null };
  while (at !== null) {
    const request = { id, fromOffset: at.offset, afterMark: at.mark, toOffset: Number.MAX_SAFE_INTEGER, maxBytes: MIB, cursor: at.cursor };
    const page = await journal.history(request, never);
    if (page.kind !== 'page') throw new Error(page.kind);
    let stored = 0;
    for (const piece of page.pieces) {
      const bytes = page.bytes.subarray(stored, stored + piece.storedLength);
      stored += piece.storedLength;
      seen +=
        piece.codec === 'zstd'
          ? zstdDecompressSync(bytes).length
          : piece.codec === 'brotli'
            ? brotliDecompressSync(bytes).length
            : bytes.length;
    }
    at = page.next;
  }
  return seen;
}

const mbPerSecond = (bytes: number, sinceMs: number): number => bytes / MB / ((performance.now() - sinceMs) / 1000);

async function ratios(corpora: ReturnType<typeof recordings>): Promise<void> {
  await withJournal(async (journal) => {
    write(
      `\nsealed segments, each recording capped at ${CAP_BYTES / 1000} KB\n${'recording'.padEnd(20)}      KB   ratio  compact MB/s  read MB/s`,
    );
    const found: { readonly raw: number; readonly stored: number }[] = [];
    // Starts the workers.
    await journal.compact();
    for (const { name, bytes } of corpora) {
      const id = create(journal);
      journal.append(id, bytes);
      journal.runEnded(id, { state: 'exited', reason: 'exit', exitCode: 0, signal: null, endedAt: Date.now() });
      const since = performance.now();
      await journal.compact();
      const compactSpeed = mbPerSecond(bytes.length, since);
      await readAll(journal, id);
      const readSince = performance.now();
      await readAll(journal, id);
      const readSpeed = mbPerSecond(bytes.length, readSince);
      const stored = journal.session(id)?.storedBytes ?? 0;
      found.push({ raw: bytes.length, stored });
      write(
        `${name.padEnd(20)} ${round(bytes.length / 1000, 0).padStart(7)} ${round(bytes.length / stored).padStart(7)} ${round(compactSpeed).padStart(13)} ${round(readSpeed, 0).padStart(10)}`,
      );
    }
    const sum = (key: 'raw' | 'stored'): number => found.reduce((total, one) => total + one[key], 0);
    const mean = Math.exp(found.reduce((total, { raw, stored }) => total + Math.log(raw / stored), 0) / found.length);
    write(`overall ${round(sum('raw') / sum('stored'))} : 1 (floor 8, goal 9.5), geometric mean ${round(mean)} : 1`);
  });
}

async function singleSession(text: Buffer): Promise<void> {
  await withJournal(async (journal) => {
    const id = create(journal);
    const times: number[] = [];
    for (let at = 0; times.length < SINGLE_COMMITS; at = (at + 10_000) % (text.length - 10_000)) {
      journal.append(id, text.subarray(at, at + 10_000));
      const since = performance.now();
      journal.flush();
      times.push(performance.now() - since);
      await pause(2);
    }
    write(
      `\ncommit of 10 KB, one session       p50 ${round(median(times), 3)} ms, p99 ${round(percentile(times, 99), 3)} ms (goal < 2), max ${round(Math.max(...times))} ms`,
    );
  });
}

async function chattySessions(text: Buffer): Promise<void> {
  await withJournal(async (journal) => {
    const ids = Array.from({ length: CHATTY_SESSIONS }, () => create(journal));
    const times: number[] = [];
    let queuedAt: number[] = [];
    journal.onCommitted(() => {
      const now = performance.now();
      times.push(...queuedAt.map((at) => now - at));
      queuedAt = [];
    });
    await pause(500);
    const io = ioOf();
    const stalls = monitorEventLoopDelay({ resolution: 1 });
    stalls.enable();
    // Each prints a kilobyte ten times a second, not all in the same moment.
    for (let tick = 0; tick < CHATTY_SECONDS * 100; tick += 1) {
      const due = performance.now() + 10;
      for (let n = 0; n < CHATTY_SESSIONS / 10; n += 1) {
        const at = (tick * 10_000 + n * KIB) % (text.length - KIB);
        journal.append(ids[(tick % 10) * 10 + n] ?? '', text.subarray(at, at + KIB));
        queuedAt.push(performance.now());
      }
      await pause(Math.max(0, due - performance.now()));
    }
    stalls.disable();
    const { counters } = journal.metrics();
    const bytes = counters['committed_bytes'] ?? 0;
    write(
      `100 sessions, 1 KB ten times a second: append to committed p50 ${round(median(times))} ms, p99 ${round(percentile(times, 99))} ms (goal < 10), longest stall of the loop ${round(stalls.max / 1e6)} ms (goal < 20)`,
    );
    write(
      `                                   commits/s ${round((counters['commits'] ?? 0) / CHATTY_SECONDS, 0)}, written per byte ${round((ioOf() - io) / bytes)}, rolls ${counters['rolls']}`,
    );
  });
}

/** Bytes that this process, all threads, has had written to disk. */
function ioOf(): number {
  return Number(/write_bytes: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

async function flood(text: Buffer): Promise<void> {
  await withJournal(async (journal) => {
    const id = create(journal);
    const io = ioOf();
    const stalls = monitorEventLoopDelay({ resolution: 1 });
    stalls.enable();
    let largestLog = 0;
    let at = 0;
    const since = performance.now();
    while (at < FLOOD_BYTES) {
      const due = (performance.now() - since) * FLOOD_BYTES_PER_MS;
      while (at < due && at < FLOOD_BYTES && journal.pendingBytes(id) < MIB) {
        const from = at % (text.length - CHUNK_BYTES);
        journal.append(id, text.subarray(from, from + CHUNK_BYTES));
        at += CHUNK_BYTES;
      }
      await new Promise((resolve) => setImmediate(resolve));
      largestLog = Math.max(largestLog, journal.metrics().gauges['wal_bytes'] ?? 0);
    }
    journal.flush();
    const seconds = (performance.now() - since) / 1000;
    stalls.disable();
    const { counters, gauges, commitLatency } = journal.metrics();
    const slow = commitLatency.counts.slice(commitLatency.bucketsMs.indexOf(20) + 1).reduce((sum, count) => sum + count, 0);
    // What the log still holds is written once more.
    await pause(4000);
    const written = ioOf() - io;
    write(
      `\nflood of ${round(at / MB, 0)} MB at ${round(at / MB / seconds, 0)} MB/s: commits/s ${round((counters['commits'] ?? 0) / seconds, 0)} (at most 600), written per byte ${round(written / at)} (at most 2)`,
    );
    write(
      `  commit mean ${round(commitLatency.sumMs / (counters['commits'] ?? 1))} ms, over 20 ms ${slow} of ${counters['commits']}, longest stall of the loop ${round(stalls.max / 1e6)} ms, log at most ${round(largestLog / MIB, 1)} MiB (at most 64), after 4 s idle ${round((journal.metrics().gauges['wal_bytes'] ?? 0) / MIB, 1)} MiB`,
    );
    write(
      `  checkpoints ${counters['wal_checkpoints']}, holds ${counters['wal_holds']} of ${round((counters['wal_hold_ms'] ?? 0) / (counters['wal_holds'] || 1), 1)} ms, rolls ${counters['rolls']}, left in the tail ${round((gauges['tail_bytes'] ?? 0) / MIB, 1)} MiB, stored ${round(at / (gauges['stored_bytes'] ?? 1))} : 1 before sealing`,
    );
  });
}

async function stream(text: Buffer): Promise<void> {
  await withJournal(async (journal) => {
    const id = create(journal);
    for (let at = 0; at < STREAM_BYTES; at += 64 * KIB) {
      const from = at % (text.length - 64 * KIB);
      journal.append(id, text.subarray(from, from + 64 * KIB));
      if (journal.pendingBytes(id) > MIB) journal.flush();
    }
    journal.flush();
    while ((journal.metrics().gauges['tail_bytes'] ?? 0) > MIB) await pause(50);
    const speeds: number[] = [];
    const before = rssMiB(process.pid);
    let largest = before;
    for (let run = 0; run < 3; run += 1) {
      const since = performance.now();
      const bytes = await readAll(journal, id);
      speeds.push(mbPerSecond(bytes, since));
      largest = Math.max(largest, rssMiB(process.pid));
    }
    write(
      `\n${STREAM_BYTES / MB} MB of history, unpacked: ${round(median(speeds), 0)} MB/s (goal > 200), memory + ${round(largest - before, 0)} MiB`,
    );
  });
}

const corpora = recordings();
const text = Buffer.concat(corpora.map(({ bytes }) => bytes));
await singleSession(text);
await chattySessions(text);
await flood(text);
await stream(text);
await ratios(corpora);
