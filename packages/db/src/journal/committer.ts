// Owns the way from the queue into the database and on to the listener: when to commit (the policy decides), what happens when
// storing fails, in which order commits are reported. Must not know SQL nor what a session is beyond its record.
//
// Invariants: an entry reaches the listener only after the transaction that holds it (commit before show), in the order it was queued
// within its session; queued output leaves the queue only by being stored, or with its session when that is removed.
// Both give way together when storing has failed for a while: then the terminals go on from memory, what waits is shown unstored, and what
// does not fit any more is dropped into a gap that is stored once storing works.
import { sqliteCode } from '../errors.ts';
import { CommitPolicy, MAX_COMMIT_BYTES } from './commit-policy.ts';
import { activityUnsaved, applyShown, applySlice } from './session-book.ts';
import type { SessionBook, SessionRecord } from './session-book.ts';
import type { CommittedEntry, HostSession, JournalNotice, MarkEntry, SessionId } from './types.ts';
import { WriteQueue } from './write-queue.ts';
import type { Slice, UnstoredPart } from './write-queue.ts';
import type { ActivitySave, JournalWriter, StoredSlice } from './writer.ts';

/** Output of a session that is typed into, up to which it passes a long hold (bytes): an echo, a prompt, a redrawn screen. */
const ECHO_BYTES = 16 * 1024;
/** For so long a failure only delays: a busy file, a full disk that is just being freed (ms). Viewers learn of the pause at once. */
const SHOW_UNSTORED_AFTER_MS = 1000;
/** Unstored output kept of a session (bytes): some screens, and what a client that comes back a moment later has missed. */
const RING_BYTES = 1024 * 1024;
/** Of all sessions together (bytes): the largest give way. */
const ALL_RINGS_BYTES = 32 * 1024 * 1024;

/** Pauses between attempts while storing fails (ms): viewers learn of it within 2 s, and a freed disk is noticed as soon. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 4000;

export interface CommitterOptions {
  readonly writer: JournalWriter;
  /** Before each commit; throws when nothing may be stored. */
  readonly beforeCommit: () => void;
  readonly book: SessionBook;
  readonly monotonicNow: () => number;
  /** Wall clock, epoch milliseconds. */
  readonly now: () => number;
  readonly onNotice: (notice: JournalNotice) => void;
  /** After each commit, before it is reported. */
  readonly onStored: (stored: StoredBatch) => void;
  /** Which commits should wait, if they can; `released` says when fewer need to. */
  readonly held: () => Hold;
  /** After each commit, for each session that it stored something of. */
  readonly onGrown: (record: SessionRecord) => void;
}

/** `bulk`: all but the small ones that somebody who types waits for. */
export type Hold = 'none' | 'bulk' | 'all';

export interface StoredBatch {
  readonly slices: readonly Slice[];
  readonly tookMs: number;
}

interface Pause {
  readonly sinceMs: number;
  cause: unknown;
  retryMs: number;
  /** What waits is shown unstored. */
  showing: boolean;
}

export class Committer {
  readonly #options: CommitterOptions;
  readonly #queue = new WriteQueue();
  readonly #policy: CommitPolicy;
  #immediate: NodeJS.Immediate | undefined;
  #showing: NodeJS.Immediate | undefined;
  #gapBytes = 0;
  /** For the next window, or while paused for the next attempt. */
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = 0;
  #pause: Pause | null = null;
  #stopped = false;
  #listener: ((entries: readonly CommittedEntry[]) => void) | undefined;
  /** Entries committed while the listener runs: they are delivered behind those it is looking at. */
  readonly #undelivered: CommittedEntry[][] = [];
  #delivering = false;

  constructor(options: CommitterOptions) {
    this.#options = options;
    this.#policy = new CommitPolicy(options.monotonicNow());
  }

  get paused(): boolean {
    return this.#pause !== null;
  }

  /** Why storing fails; undefined when it does not. */
  get pauseCause(): unknown {
    return this.#pause?.cause;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Output that was shown and then dropped, unstored, since the start (bytes). */
  get gapBytes(): number {
    return this.#gapBytes;
  }

  /** Bytes that wait to be shown: what is shown already holds no terminal back. */
  waitingBytesOf(session: number): number {
    return this.#queue.unshownBytesOf(session);
  }

  /** What was shown and is not stored; undefined when everything shown is stored. */
  unstored(session: number): UnstoredPart | undefined {
    return this.#queue.unstored(session);
  }

  /** Nothing is stored, and the terminals go on without. */
  get showsUnstored(): boolean {
    return this.#pause?.showing === true;
  }

  setListener(listener: (entries: readonly CommittedEntry[]) => void): void {
    this.#listener = listener;
  }

  /** Queues output behind the record's queued end. */
  pushBytes(record: SessionRecord, bytes: Uint8Array): void {
    this.#queue.pushBytes(record.key, record.queuedEnd, bytes, this.#options.monotonicNow());
    record.queuedEnd += bytes.length;
    this.#schedule();
  }

  /** Queues a mark at the record's queued end, with its next number. */
  pushMark(record: SessionRecord, make: (position: { readonly offset: number; readonly mark: number }) => MarkEntry): void {
    this.#queue.pushMark(record.key, make({ offset: record.queuedEnd, mark: record.nextMark }), this.#options.monotonicNow());
    record.nextMark += 1;
    this.#schedule();
  }

  /** Queues a gap at the record's queued end: output goes on behind it. */
  pushGap(record: SessionRecord, lostBytes: number): void {
    const gap = { offset: record.queuedEnd, mark: record.nextMark, lostBytes };
    this.pushMark(record, (mark) => ({ kind: 'gap', ...mark, at: this.#options.now(), lostBytes }));
    record.gaps.push(gap);
    record.queuedEnd += lostBytes;
    this.#gapBytes += lostBytes;
  }

  typed(session: number): void {
    this.#policy.typed(session, this.#options.monotonicNow());
    this.#schedule();
  }

  followed(anybody: boolean): void {
    this.#policy.followed(anybody);
    this.#schedule();
  }

  /** Drops what is queued of a removed session. */
  discard(session: number): void {
    this.#queue.discard(session);
    this.#policy.forget(session);
  }

  /** Commits everything now. False when storing fails: then it is still queued, and is tried again by itself. */
  commitAll(): boolean {
    while (this.#queue.oldestMs !== null) {
      if (!this.#commitOnce(null)) return false;
    }
    return true;
  }

  /** The same for one session. */
  commitSession(session: number): boolean {
    while (this.#queue.bytesOf(session) !== undefined) {
      if (!this.#commitOnce([session])) return false;
    }
    return true;
  }

  /** Commits need not wait any more, or only the large ones. */
  released(): void {
    this.#schedule();
  }

  /** No commit after this but by commitAll and commitSession. */
  stop(): void {
    this.#stopped = true;
    clearImmediate(this.#immediate);
    clearImmediate(this.#showing);
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#pause?.showing === true && !this.#stopped) {
      this.#showing ??= setImmediate(() => {
        this.#showing = undefined;
        this.#showUnstored();
      });
      return;
    }
    if (this.#immediate !== undefined || this.#pause !== null || this.#stopped) return;
    const nowMs = this.#options.monotonicNow();
    const decision = this.#policy.decide(this.#queue, nowMs);
    if (decision.kind === 'idle') return;
    if (decision.kind === 'now') {
      this.#immediate = setImmediate(() => {
        this.#immediate = undefined;
        this.#commitDue();
      });
      return;
    }
    if (this.#timer !== undefined && this.#timerAtMs <= decision.untilMs) return;
    this.#timerAtMs = decision.untilMs;
    this.#setTimer(decision.untilMs - nowMs, () => this.#commitDue());
  }

  #setTimer(delayMs: number, run: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      run();
    }, delayMs);
  }

  /** One transaction in a turn of the loop: terminals are read between two of them. */
  #commitDue(): void {
    if (this.#pause !== null) return;
    const hold = this.#options.held();
    if (hold === 'bulk') this.#commitEchoes();
    if (hold !== 'none') return;
    const decision = this.#policy.decide(this.#queue, this.#options.monotonicNow());
    try {
      if (decision.kind === 'now') this.#commitOnce(decision.only);
    } finally {
      this.#schedule();
    }
  }

  #commitEchoes(): void {
    const typed = this.#policy.typedSessions(this.#options.monotonicNow());
    const echoes = typed.filter((session) => (this.#queue.bytesOf(session) ?? Infinity) <= ECHO_BYTES);
    if (echoes.length > 0) this.#commitOnce(echoes);
  }

  /** Stores one batch and reports it. False when storing failed: everything is still queued. */
  #commitOnce(only: readonly number[] | null): boolean {
    const { writer, beforeCommit, book, monotonicNow, onStored } = this.#options;
    const nowMs = monotonicNow();
    const slices = this.#queue.peek(MAX_COMMIT_BYTES, { only, first: this.#policy.typedSessions(nowMs) });
    const batch = slices.map((slice) => ({ slice, record: book.byKey(slice.session) }));
    const active = batch.map(({ record }) => record).filter(activityUnsaved);
    let rows: StoredSlice[];
    try {
      beforeCommit();
      rows = writer.commit(slices, active.map(activityOf));
    } catch (cause) {
      this.#storingFailed(cause, nowMs);
      return false;
    }
    this.#queue.drop(slices);
    this.#policy.committed(nowMs);
    for (const record of active) record.activitySavedAt = record.lastActivityAt;
    const seen = batch.map(({ record }) => record.committed);
    batch.forEach(({ slice, record }, at) => applySlice(record, slice, rows[at]));
    onStored({ slices, tookMs: monotonicNow() - nowMs });
    for (const { record } of batch) this.#options.onGrown(record);
    this.#storingWorks(nowMs);
    this.#deliver(batch.flatMap(({ slice, record }, at) => behindWhatWasSeen(entriesOf(record.committed.id, slice), seen[at])));
    return true;
  }

  #deliver(entries: CommittedEntry[]): void {
    this.#undelivered.push(entries);
    if (this.#delivering) return;
    this.#delivering = true;
    try {
      for (let batch = this.#undelivered.shift(); batch !== undefined; batch = this.#undelivered.shift()) this.#listener?.(batch);
    } finally {
      this.#delivering = false;
    }
  }

  /** Storing fails for a reason that no commit has met yet: from now on as if one had. */
  fails(cause: unknown): void {
    this.#storingFailed(cause, this.#options.monotonicNow());
  }

  /** Any failure is treated alike: output waits in the queue, the host stops reading, and the commit is tried again. */
  #storingFailed(cause: unknown, nowMs: number): void {
    if (this.#pause === null) {
      this.#pause = { sinceMs: nowMs, cause, retryMs: FIRST_RETRY_MS, showing: false };
      this.#options.onNotice({ kind: 'storage-paused', code: sqliteCode(cause), pendingBytes: this.#queue.bytes, cause });
    } else {
      this.#pause.cause = cause;
      this.#pause.retryMs = Math.min(this.#pause.retryMs * 2, MAX_RETRY_MS);
    }
    if (this.#stopped) return;
    if (!this.#pause.showing && nowMs - this.#pause.sinceMs >= SHOW_UNSTORED_AFTER_MS) {
      this.#pause.showing = true;
      this.#showUnstored();
    }
    this.#setTimer(this.#pause.retryMs, () => {
      try {
        // Also when nothing is queued any more: an empty transaction tells whether storing works again.
        this.#commitOnce(null);
      } finally {
        this.#schedule();
      }
    });
  }

  /** What waits reaches the listener unstored; beyond the bounds the oldest of it is dropped into a gap. */
  #showUnstored(): void {
    const { book, monotonicNow } = this.#options;
    const shown: CommittedEntry[] = [];
    for (const session of this.#queue.sessions()) {
      const record = book.byKey(session);
      const place = this.#queue.holdPlace(session, record.nextMark, this.#options.now());
      if (place !== null) {
        record.nextMark += 1;
        record.gaps.push({ offset: place.offset, mark: place.mark, lostBytes: 0 });
      }
      const part = this.#queue.takeUnshown(session);
      shown.push(...entriesOfPart(record.committed.id, part));
      applyShown(record, part);
      this.#forgetOldest(record, this.#queue.heldBytesOf(session) - RING_BYTES);
    }
    for (const session of this.#queue.sessions()) {
      const over = this.#queue.bytes - ALL_RINGS_BYTES;
      if (over <= 0) break;
      this.#forgetOldest(book.byKey(session), over);
    }
    if (shown.length > 0) this.#deliver(shown);
    this.#policy.committed(monotonicNow());
  }

  #forgetOldest(record: SessionRecord, bytes: number): void {
    const lost = this.#queue.forgetOldest(record.key, bytes);
    const gap = record.gaps.at(-1);
    if (lost === 0 || gap === undefined) return;
    gap.lostBytes += lost;
    this.#gapBytes += lost;
  }

  #storingWorks(nowMs: number): void {
    if (this.#pause === null) return;
    const pausedMs = nowMs - this.#pause.sinceMs;
    this.#pause = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#options.onNotice({ kind: 'storage-resumed', pausedMs });
    this.#schedule();
  }
}

export function activityOf(record: SessionRecord): ActivitySave {
  return { session: record.key, at: record.lastActivityAt };
}

/** Output and marks of a slice in their order. */
function entriesOf(sessionId: SessionId, slice: Slice): CommittedEntry[] {
  const entries: CommittedEntry[] = [];
  let at = slice.offset;
  const pushOutput = (to: number): void => {
    if (to === at) return;
    entries.push({ kind: 'output', sessionId, offset: at, bytes: slice.bytes.subarray(at - slice.offset, to - slice.offset) });
    at = to;
  };
  for (const entry of slice.marks) {
    pushOutput(entry.offset);
    entries.push({ kind: 'mark', sessionId, entry });
  }
  pushOutput(slice.offset + slice.bytes.length);
  return entries;
}

function entriesOfPart(sessionId: SessionId, { offset, items }: UnstoredPart): CommittedEntry[] {
  let at = offset;
  return items.map((item): CommittedEntry => {
    if (item.kind === 'bytes') {
      const entry = { kind: 'output', sessionId, offset: at, bytes: item.bytes } as const;
      at += item.bytes.length;
      return entry;
    }
    if (item.entry.kind === 'gap') at += item.entry.lostBytes;
    return { kind: 'mark', sessionId, entry: item.entry };
  });
}

/** Without what was shown before it was stored. */
function behindWhatWasSeen(entries: readonly CommittedEntry[], seen: HostSession | undefined): CommittedEntry[] {
  if (seen === undefined) return [...entries];
  return entries.flatMap((entry): CommittedEntry[] => {
    if (entry.kind === 'mark') return entry.entry.mark > seen.lastMark ? [entry] : [];
    const cut = Math.max(0, seen.endOffset - entry.offset);
    return cut >= entry.bytes.length
      ? []
      : [cut === 0 ? entry : { ...entry, offset: entry.offset + cut, bytes: entry.bytes.subarray(cut) }];
  });
}
