// Owns how a journal keeps its high-water mark: what is found at the opening, and that a mark which cannot be written stops nothing.
import { HighWaterMark, markPath, readMarks } from './high-water-mark.ts';
import type { FoundMarks, MarkIdentity } from './high-water-mark.ts';
import type { LossBook } from './losses.ts';
import type { SessionBook } from './session-book.ts';
import type { JournalNotice, LostTail } from './types.ts';

export interface OpenMarkOptions {
  /** Of the journal. */
  readonly path: string;
  readonly book: SessionBook;
  readonly losses: LossBook;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly onNotice: (notice: JournalNotice) => void;
}

export interface OpenedMark {
  readonly mark: MarkKeeper;
  /** What is missing from the end of sessions. */
  readonly lostTails: readonly LostTail[];
  /** Neither a mark nor a session was there. */
  readonly isNew: boolean;
}

/** Losses are stored before the mark begins anew: a kill in between finds them again. Throws what SQLite throws. */
export function openMark({ path, book, losses, at, onNotice }: OpenMarkOptions): OpenedMark {
  const identity = losses.identity();
  const found = readMarks(markPath(path), identity);
  const hasSessions = book.records().next().done !== true;
  tellProblem(found, hasSessions, onNotice);
  const fresh = losses.find(found, book, at);
  if (fresh.length > 0) {
    losses.add(fresh);
    onNotice({ kind: 'tail-lost', losses: fresh });
  }
  const lostTails = losses.all().filter((loss) => isOpen(loss, book, fresh));
  return { mark: new MarkKeeper(path, identity, book, onNotice), lostTails, isNew: found.kind === 'missing' && !hasSessions };
}

function tellProblem(found: FoundMarks, hasSessions: boolean, onNotice: (notice: JournalNotice) => void): void {
  if (found.kind === 'torn') onNotice({ kind: 'mark-unusable', problem: 'torn', detail: found.reason });
  if (found.kind === 'foreign') onNotice({ kind: 'mark-unusable', problem: 'foreign', detail: `it names ${found.sessions} sessions` });
  if (found.kind === 'missing' && hasSessions) onNotice({ kind: 'mark-unusable', problem: 'missing', detail: 'there is no such file' });
  if (found.kind === 'marks' && found.tornSlots > 0) {
    onNotice({ kind: 'mark-unusable', problem: 'torn', detail: `${found.tornSlots} of its slots` });
  }
}

/** Found now, or earlier and nothing stands in its place yet. */
function isOpen(loss: LostTail, book: SessionBook, fresh: readonly LostTail[]): boolean {
  if (loss.sessionId === null) return fresh.some(({ sessionId, to }) => sessionId === null && to === loss.to);
  const record = book.find(loss.sessionId);
  return record !== undefined && record.committed.endOffset <= loss.from;
}

export class MarkKeeper {
  readonly #onNotice: (notice: JournalNotice) => void;
  readonly #mark: HighWaterMark | undefined;
  #failing = false;
  #closed = false;

  constructor(path: string, identity: MarkIdentity, book: SessionBook, onNotice: (notice: JournalNotice) => void) {
    this.#onNotice = onNotice;
    const ends = [...book.records()].map((record) => [record.key, record.committed.endOffset] as const);
    this.#mark = this.#attempt(() => new HighWaterMark(markPath(path), identity, ends));
  }

  set(session: number, endOffset: number): void {
    this.#mark?.set(session, endOffset);
  }

  remove(session: number): void {
    this.#mark?.remove(session);
  }

  /** After a commit, before it is reported. */
  write(): void {
    this.#attempt(() => this.#mark?.write());
  }

  async sync(): Promise<void> {
    if (!this.#closed) await this.#mark?.sync();
  }

  close(): void {
    this.#closed = true;
    this.#mark?.close();
  }

  /** A mark that fails costs the knowledge of a loss, which is not there yet; it is said once. */
  #attempt<T>(write: () => T): T | undefined {
    try {
      const result = write();
      this.#failing = false;
      return result;
    } catch (cause) {
      if (!this.#failing) this.#onNotice({ kind: 'mark-failed', cause });
      this.#failing = true;
      return undefined;
    }
  }
}
