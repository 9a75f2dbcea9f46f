// Owns the decision when queued output is committed, and of which sessions. Pure: time is passed in, nothing is scheduled here.
//
// While little is written every turn of the loop commits at once, so an echo costs no window. Under load commits are counted, not
// weighed: the bucket empties and a short window gathers what many small reads bring. A session that somebody types into keeps its
// quick commits, alone if much else waits. When nobody watches, a longer window writes a fraction of the pages.

/** Commits per second at once. A commit costs about 35 microseconds plus a page; one per read would be 7,000 to 10,000 a second. */
const COMMITS_PER_SECOND = 200;
/** Commits that may follow each other at once after a quiet moment: an echo, a prompt and a redraw. */
const COMMIT_BURST = 4;
/** How long output gathers once the bucket is empty (ms): a longer window is paid at each key, a shorter one doubles the commits. */
const WINDOW_MS = 5;
/** The window while nobody follows any session (ms): a spinner that runs all night should not write ten times its output. */
const UNWATCHED_WINDOW_MS = 50;
/** A session typed into this recently is answered at once (ms): longer than any echo, shorter than a pause between words. */
const TYPED_MS = 100;
/** Commits per second for typed sessions beyond the bucket, so that keys sent into a flood cost at most 600 commits a second in all. */
const TYPED_COMMITS_PER_SECOND = 400;
const TYPED_COMMIT_BURST = 16;
/** Output of others from which a typed session commits alone (bytes): 64 KiB add about 0.1 ms to a commit, 512 KiB a whole one. */
const BULK_BYTES = 64 * 1024;

/** Most output in one transaction (bytes); also the most that an end of the host can lose of what was read but not yet shown. */
export const MAX_COMMIT_BYTES = 512 * 1024;

/** What waits to be committed, as the policy needs to see it. */
export interface PendingEntries {
  readonly bytes: number;
  /** Monotonic time at which the oldest waiting entry was queued; null when nothing waits. */
  readonly oldestMs: number | null;
  /** Bytes waiting of one session; undefined when it has nothing waiting (a mark alone waits with 0 bytes). */
  bytesOf(session: number): number | undefined;
}

export type CommitDecision =
  | { readonly kind: 'idle' }
  /** In the present turn of the loop. `only`: these sessions and no others; null: all. */
  | { readonly kind: 'now'; readonly only: readonly number[] | null }
  | { readonly kind: 'wait'; readonly untilMs: number };

export class CommitPolicy {
  readonly #bucket: TokenBucket;
  readonly #typedBucket: TokenBucket;
  readonly #typedAtMs = new Map<number, number>();
  #followed = false;

  constructor(nowMs: number) {
    this.#bucket = new TokenBucket(COMMITS_PER_SECOND, COMMIT_BURST, nowMs);
    this.#typedBucket = new TokenBucket(TYPED_COMMITS_PER_SECOND, TYPED_COMMIT_BURST, nowMs);
  }

  followed(anybody: boolean): void {
    this.#followed = anybody;
  }

  typed(session: number, nowMs: number): void {
    this.#typedAtMs.set(session, nowMs);
  }

  forget(session: number): void {
    this.#typedAtMs.delete(session);
  }

  /** Sessions typed into within the last 100 ms. */
  typedSessions(nowMs: number): number[] {
    for (const [session, atMs] of this.#typedAtMs) {
      if (nowMs - atMs > TYPED_MS) this.#typedAtMs.delete(session);
    }
    return [...this.#typedAtMs.keys()];
  }

  decide(pending: PendingEntries, nowMs: number): CommitDecision {
    if (pending.oldestMs === null) return { kind: 'idle' };
    const tokenLeft = this.#bucket.has(nowMs);

    const typed = this.#typedAtMs.size === 0 ? [] : this.typedSessions(nowMs).filter((session) => pending.bytesOf(session) !== undefined);
    if (typed.length > 0 && (tokenLeft || this.#typedBucket.has(nowMs))) {
      const typedBytes = typed.reduce((sum, session) => sum + (pending.bytesOf(session) ?? 0), 0);
      return { kind: 'now', only: pending.bytes - typedBytes > BULK_BYTES ? typed : null };
    }
    if (pending.bytes >= MAX_COMMIT_BYTES) return { kind: 'now', only: null };
    if (this.#followed && tokenLeft) return { kind: 'now', only: null };

    const untilMs = pending.oldestMs + (this.#followed ? WINDOW_MS : UNWATCHED_WINDOW_MS);
    return untilMs <= nowMs ? { kind: 'now', only: null } : { kind: 'wait', untilMs };
  }

  /** A commit was made. */
  committed(nowMs: number): void {
    if (this.#bucket.take(nowMs)) return;
    this.#typedBucket.take(nowMs);
  }
}

class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  has(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= 1;
  }

  take(nowMs: number): boolean {
    if (!this.has(nowMs)) return false;
    this.#tokens -= 1;
    return true;
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#atMs) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
  }
}
