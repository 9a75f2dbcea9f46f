// Owns keeping each session within its limit: decides after commits (retention.ts), moves the first kept byte, and deletes what lies below
// in steps short enough for the host's loop. Must not know SQL.
// Invariant: the first kept byte moves in one transaction, together with the state to restore there; a reader is told of the new beginning
// before anything below it goes. What is left after a crash lies below the first kept byte and is found at the next start.
import { decideTrim, isWanted } from './retention.ts';
import type { SessionRecord } from './session-book.ts';
import type { BaseCheckpoint, SessionId } from './types.ts';
import type { JournalWriter, LogEnds } from './writer.ts';

/** Pause between two steps of 1-3 ms (ms): at most a quarter of the loop, and 100 MB/s and more. */
const STEP_PAUSE_MS = 10;
/** Pause after a step that failed, most likely on a full disk (ms). */
const RETRY_MS = 5000;
/** More are refused: a hundredth of the limit apart they cannot be more by design. */
const MAX_CANDIDATES = 128;

interface Rest {
  readonly record: SessionRecord;
  from: LogEnds;
}

export interface TrimmerOptions {
  readonly writer: JournalWriter;
  /** Something was committed. */
  readonly onStep: () => void;
  /** No emulator had left a state: the kept part begins with a blank terminal. */
  /** Whether after this failure another attempt finds more space. */
  readonly makeRoom: (error: unknown) => boolean;
  readonly onBlank: (trimmed: { readonly sessionId: SessionId; readonly bytes: number }) => void;
}

export class Trimmer {
  readonly #options: TrimmerOptions;
  readonly #due = new Set<SessionRecord>();
  readonly #rests = new Map<SessionRecord, Rest>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #trims = 0;
  #trimmedBytes = 0;

  constructor(options: TrimmerOptions) {
    this.#options = options;
  }

  /** Since the start: how often, and how much output (bytes). */
  get counts(): { readonly trims: number; readonly trimmedBytes: number } {
    return { trims: this.#trims, trimmedBytes: this.#trimmedBytes };
  }

  get busy(): boolean {
    return this.#due.size > 0 || this.#rests.size > 0;
  }

  /** What was found at the start: a session that was trimmed may have leftovers. */
  load(record: SessionRecord): void {
    record.candidates = this.#options.writer.candidates(record.key);
    if (record.committed.firstOffset > 0) this.#rests.set(record, { record, from: { lastTailRow: 0, lastMarkRow: 0 } });
    this.grown(record);
  }

  /** Call after each commit and each change of a limit. Costs nothing while it is within its limit. */
  grown(record: SessionRecord): void {
    const { firstOffset, endOffset, maxHistoryBytes } = record.committed;
    if (endOffset - firstOffset > maxHistoryBytes) this.#due.add(record);
    this.#arm(0);
  }

  /** Keeps a state as a place to begin later. False when it is not wanted: too near to the last one, or not within what is committed. */
  offer(record: SessionRecord, base: BaseCheckpoint): boolean {
    const { firstOffset, endOffset, maxHistoryBytes, lastMark } = record.committed;
    const { candidates } = record;
    if (base.offset <= firstOffset || base.offset > endOffset || base.mark > lastMark || candidates.length >= MAX_CANDIDATES) return false;
    if (!isWanted({ firstOffset, maxHistoryBytes, candidates }, base.offset)) return false;
    this.#options.writer.addCandidate(record.key, base);
    record.candidates = [...candidates, base.offset];
    this.#options.onStep();
    this.grown(record);
    return true;
  }

  forget(record: SessionRecord): void {
    this.#due.delete(record);
    this.#rests.delete(record);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #arm(delayMs: number): void {
    if (this.#closed || this.#timer !== undefined || (this.#due.size === 0 && this.#rests.size === 0)) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      let worked = true;
      try {
        this.#step();
      } catch (error) {
        // Nothing is lost by waiting, and the next commit of output reports the same trouble.
        worked = this.#options.makeRoom(error);
      }
      this.#arm(worked ? STEP_PAUSE_MS : RETRY_MS);
    }, delayMs);
    // A journal that only tidies up keeps no process alive.
    this.#timer.unref();
  }

  #step(): void {
    for (const record of this.#due) this.#trim(record);
    const [rest] = this.#rests.values();
    if (rest === undefined) return;
    const { record } = rest;
    const { key, committed, tailIndex, markIndex } = record;
    const kept = { offset: committed.firstOffset, floor: record.markFloor };
    const until = { lastTailRow: tailIndex.rowAfter(kept.offset), lastMarkRow: markIndex.rowAfter(kept.offset) };
    const { next, freedBytes } = this.#options.writer.trimStep(key, kept, rest.from, until);
    record.committed = { ...record.committed, storedBytes: Math.max(0, record.committed.storedBytes - freedBytes) };
    if (next === null) {
      this.#rests.delete(record);
      tailIndex.dropBefore(kept.offset);
      markIndex.dropBefore(kept.offset);
    } else rest.from = next;
    this.#options.onStep();
  }

  #trim(record: SessionRecord): void {
    const { key, committed, candidates, markIndex } = record;
    const { firstOffset, endOffset, maxHistoryBytes } = committed;
    const decision = decideTrim({ firstOffset, endOffset, maxHistoryBytes, candidates });
    if (decision.kind !== 'keep') {
      const { writer, onBlank, onStep } = this.#options;
      const { offset } = decision;
      const isBlank = decision.kind === 'blank';
      record.markFloor = isBlank ? writer.trimToBlank(key, offset, markIndex.rowAfter(offset)) : writer.trimToCandidate(key, offset);
      record.committed = { ...record.committed, firstOffset: offset };
      record.candidates = candidates.filter((candidate) => candidate > offset);
      // From the start again, also when the rest of an earlier trim is not done: rows that it passed over may lie below now.
      const from = { lastTailRow: Math.max(0, record.tailIndex.firstRow - 1), lastMarkRow: Math.max(0, markIndex.firstRow - 1) };
      this.#rests.set(record, { record, from });
      this.#trims += 1;
      this.#trimmedBytes += offset - firstOffset;
      if (isBlank) onBlank({ sessionId: committed.id, bytes: offset - firstOffset });
      onStep();
    }
    this.#due.delete(record);
  }
}
