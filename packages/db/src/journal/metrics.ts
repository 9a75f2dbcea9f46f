// Owns the figures that a journal keeps of itself. Pure memory: who counts what is decided where it happens.

/** Upper ends of the buckets of a commit's time (ms): 2 is the goal for one session, 10 for a hundred, 20 a stall that is felt. */
const COMMIT_BUCKETS_MS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 250, 1000] as const;

export interface JournalMetrics {
  /** Only grow, from 0 at the opening. */
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
  readonly commitLatency: {
    /** Upper ends; a last bucket without one holds the rest. */
    readonly bucketsMs: readonly number[];
    /** Commits in each bucket, not summed up; one more than bucketsMs. */
    readonly counts: readonly number[];
    readonly sumMs: number;
  };
}

const NAMES = [
  'commits',
  'committed_bytes',
  'rolls',
  'rolled_bytes',
  'seals',
  'sealed_bytes',
  'sealed_stored_bytes',
  'seals_abandoned',
  'compaction_failures',
  'vacuumed_pages',
  'wal_checkpoints',
  'wal_truncations',
  'wal_holds',
  'wal_hold_ms',
  'wal_holds_expired',
  'wal_checkpoint_failures',
  'reads_ended',
  'syncs',
] as const;
export type CounterName = (typeof NAMES)[number];

export class JournalCounters {
  readonly #counters = new Map<CounterName, number>(NAMES.map((name) => [name, 0]));
  readonly #commitCounts: number[] = Array.from({ length: COMMIT_BUCKETS_MS.length + 1 }, () => 0);
  #commitSumMs = 0;

  add(name: CounterName, amount = 1): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + amount);
  }

  get(name: CounterName): number {
    return this.#counters.get(name) ?? 0;
  }

  /** A transaction of output was made. */
  committed(bytes: number, tookMs: number): void {
    this.add('commits');
    this.add('committed_bytes', bytes);
    const found = COMMIT_BUCKETS_MS.findIndex((endMs) => tookMs <= endMs);
    const bucket = found < 0 ? COMMIT_BUCKETS_MS.length : found;
    this.#commitCounts[bucket] = (this.#commitCounts[bucket] ?? 0) + 1;
    this.#commitSumMs += tookMs;
  }

  /** `others`: counters that are kept where they happen. */
  snapshot(others: Readonly<Record<string, number>>, gauges: Readonly<Record<string, number>>): JournalMetrics {
    return {
      counters: { ...Object.fromEntries(this.#counters), ...others },
      gauges,
      commitLatency: { bucketsMs: COMMIT_BUCKETS_MS, counts: [...this.#commitCounts], sumMs: this.#commitSumMs },
    };
  }
}
