// Owns when output is compacted, and by whom: workers read and compress, the main thread stores what they give in transactions of a few
// milliseconds. Must not know SQL nor codecs.
//
// *Roll*: once the tail takes a megabyte, or in a quiet moment after a session has ended, its beginning becomes pieces (zstd, fast).
// *Seal*: in quiet moments complete blocks of pieces become one segment (brotli, slow and small), by a worker that gives way to everybody;
// when output comes no further block is begun. Space that became free is given back in quiet moments, too, in slices.
//
// Nothing is lost by failing: what was read is still where it was until the transaction that moves it.
import { sqliteCode, StorageError } from '../errors.ts';
import type { CompactionReply, CompactionRequest, CompactionWorkerData, RolledTail, SealedBlock } from './compaction-messages.ts';
import type { JournalCounters } from './metrics.ts';
import { TAIL_ROW_BYTES } from './segment-writer.ts';
import type { SegmentWriter } from './segment-writer.ts';
import type { SessionBook } from './session-book.ts';
import { BLOCK_BYTES } from './segment-codec.ts';
import { TransientWorker } from './transient-worker.ts';
import type { JournalNotice } from './types.ts';
import type { Slice } from './write-queue.ts';

/** The tail takes this when it is rolled (bytes). Four times as much makes rolls of 12 ms and slower reads at the end. */
const ROLL_BYTES = 1024 * 1024;
/** The host is quiet when this long (ms) no more than so much output came (bytes): a spinner through the night keeps nothing from being sealed. */
const QUIET_MS = 5000;
const QUIET_BYTES = 64 * 1024;
/** A worker costs 16 MB: it goes when it was not asked for this long (ms). */
const WORKER_IDLE_MS = 3000;
/** A roll takes 5 ms, a seal 0.4 s, many times that when everybody else goes first; beyond this the worker is stuck (ms). */
const ROLL_TIMEOUT_MS = 30_000;
const SEAL_TIMEOUT_MS = 120_000;
/** Pause after a failure, and while there is no room (ms). */
const RETRY_MS = 5000;

/** Free pages that stay in the file for what is written next (2 MiB): the tail needs them again and again. */
const KEPT_FREE_PAGES = 512;
/** Pages in a slice of giving back, 0.2-8 ms, and the pause behind it (ms). */
const VACUUM_PAGES = 16;
const VACUUM_PAUSE_MS = 20;
/** Blocks that could not be sealed are remembered, so that one is not tried again and again (count). */
const MAX_UNSEALABLE = 1000;

export interface CompactorOptions {
  readonly path: string;
  readonly writer: SegmentWriter;
  readonly book: SessionBook;
  readonly counters: JournalCounters;
  readonly onNotice: (notice: JournalNotice) => void;
  /** Something was committed. */
  readonly onStored: () => void;
  /** Space was given back, but for what the log still holds. */
  readonly onGivenBack: () => void;
  /** Whether transactions that can wait should wait. */
  readonly held: () => boolean;
  /** Compacting takes space before it frees more; on a disk that is almost full that would be the last of it. */
  readonly hasRoom: () => boolean;
}

export class Compactor {
  readonly #options: CompactorOptions;
  readonly #roller: TransientWorker<CompactionRequest, CompactionReply>;
  readonly #sealer: TransientWorker<CompactionRequest, CompactionReply>;
  /** What the tail takes (bytes). */
  #tailWeight: number;
  /** The tail has output of a session that has ended. */
  #endedInTail = false;
  #sealWanted: boolean;
  readonly #unsealable = new Set<number>();
  /** Output since the last look (bytes). */
  #recentBytes = 0;
  #quiet = false;
  /** Everything is to be compacted now, quiet or not. */
  #all = false;
  #job: Promise<void> | undefined;
  #look: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #vacuum: NodeJS.Timeout | undefined;
  /** Resolved when commits are held no more. */
  #released = Promise.withResolvers<void>();
  #gaveBack = false;
  /** The last job failed: that was said. */
  #failing = false;
  #closed = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
    const worker = (name: string, nice: boolean, timeoutMs: number): TransientWorker<CompactionRequest, CompactionReply> =>
      new TransientWorker({
        file: 'compaction-worker',
        name,
        workerData: { path: options.path, nice } satisfies CompactionWorkerData,
        idleMs: WORKER_IDLE_MS,
        timeoutMs,
      });
    this.#roller = worker('journal-roll', false, ROLL_TIMEOUT_MS);
    this.#sealer = worker('journal-seal', true, SEAL_TIMEOUT_MS);
    this.#tailWeight = options.writer.tailWeight();
    this.#sealWanted = options.writer.hasPieces();
    // What an end or a crash of the host left undone.
    this.#endedInTail = this.#tailWeight > 0;
    if (this.#sealWanted || this.#endedInTail) this.#arm();
  }

  get tailWeight(): number {
    return this.#tailWeight;
  }

  /** Output was committed. */
  committed(slices: readonly Slice[]): void {
    for (const { session, bytes } of slices) {
      if (bytes.length > 0) {
        this.#tailWeight += bytes.length + TAIL_ROW_BYTES;
        this.#recentBytes += bytes.length;
      }
      if (this.#options.book.findKey(session)?.committed.endedAt !== null) {
        // Its last block is complete, whether its end was still in the tail or not.
        this.#endedInTail = true;
        this.#sealWanted = true;
      }
    }
    if (this.#recentBytes > QUIET_BYTES) this.#quiet = false;
    this.#pump();
  }

  /** Anything was committed: something may be free, or have ended. */
  changed(): void {
    this.#arm();
  }

  /** Commits are held no more. */
  released(): void {
    this.#released.resolve();
    this.#released = Promise.withResolvers();
  }

  /** Compacts everything that can be, now. For tests, benchmarks, and whoever wants a small file. */
  async finish(): Promise<void> {
    this.#all = true;
    this.#endedInTail = true;
    this.#sealWanted = true;
    try {
      for (this.#pump(); this.#job !== undefined; this.#pump()) await this.#job;
    } finally {
      this.#all = false;
    }
  }

  /** A job under way is given up: what it was for is still there. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#look);
    clearTimeout(this.#retry);
    clearTimeout(this.#vacuum);
    this.released();
    await Promise.all([this.#roller.end(), this.#sealer.end()]);
    await this.#job;
  }

  #pump(): void {
    if (this.#closed || this.#job !== undefined || this.#retry !== undefined) return;
    // A read that is under way when the hold ends would keep the log from starting again: the commit behind the hold asks anew.
    if (this.#options.held()) return;
    const calm = this.#quiet || this.#all;
    const rolls = this.#tailWeight >= ROLL_BYTES || (calm && this.#endedInTail);
    if (!rolls && !(calm && this.#sealWanted)) return;
    if (!this.#options.hasRoom()) this.#pumpLater();
    else this.#run(() => (rolls ? this.#roll() : this.#seal()));
  }

  #pumpLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#pump();
    }, RETRY_MS);
    this.#retry.unref();
  }

  #run(job: () => Promise<void>): void {
    this.#job = job()
      .then(() => {
        this.#failing = false;
      })
      .catch((cause: unknown) => this.#failed(cause))
      .finally(() => {
        this.#job = undefined;
        this.#pump();
      });
  }

  async #roll(): Promise<void> {
    const reply = await this.#roller.ask({ kind: 'roll' });
    if (!(await this.#mayStore())) return;
    if (reply.kind === 'rolled') {
      this.#storeRoll(reply);
      return;
    }
    if (reply.kind === 'failed') throw new StorageError('STORAGE_FAILED', reply.message);
    this.#tailWeight = 0;
    this.#endedInTail = false;
  }

  #storeRoll(rolled: RolledTail): void {
    const { writer, book, counters, onStored } = this.#options;
    // Removed meanwhile: its rows go, as they would have anyway. What ends below the first kept byte is not kept either.
    const wanted = rolled.pieces.filter((piece) => {
      const record = book.findKey(piece.session);
      return record !== undefined && piece.off + piece.len > record.committed.firstOffset;
    });
    writer.roll(rolled, wanted);
    let rolledBytes = 0;
    for (const { session, len, off } of rolled.pieces) {
      rolledBytes += len;
      this.#resize(session, -len);
      if ((off + len) % BLOCK_BYTES === 0 || book.findKey(session)?.committed.endedAt !== null) this.#sealWanted = true;
    }
    for (const { session, data } of wanted) this.#resize(session, data.length);
    for (const record of book.records()) record.tailIndex.dropRows(rolled.lastRow);
    this.#tailWeight = Math.max(0, this.#tailWeight - rolledBytes - TAIL_ROW_BYTES * rolled.rows);
    counters.add('rolls');
    counters.add('rolled_bytes', rolledBytes);
    onStored();
  }

  async #seal(): Promise<void> {
    const reply = await this.#sealer.ask({ kind: 'seal', without: [...this.#unsealable] });
    if (!(await this.#mayStore())) return;
    if (reply.kind === 'sealed') {
      this.#storeSeal(reply);
      if (!this.#quiet && !this.#all) this.#options.counters.add('seals_abandoned');
    } else if (reply.kind === 'damaged') this.#skip(reply);
    else if (reply.kind === 'failed') throw new StorageError('STORAGE_FAILED', reply.message);
    else this.#sealWanted = false;
  }

  #storeSeal(block: SealedBlock): void {
    const { writer, counters, onStored } = this.#options;
    if (!writer.seal(block)) return;
    const { session, len, data } = block.sealed;
    this.#resize(session, data.length - block.storedBytes);
    counters.add('seals');
    counters.add('sealed_bytes', len);
    counters.add('sealed_stored_bytes', data.length);
    onStored();
  }

  #skip({ firstId, session, from, to, message }: Extract<CompactionReply, { kind: 'damaged' }>): void {
    const [oldest] = this.#unsealable;
    if (this.#unsealable.size >= MAX_UNSEALABLE && oldest !== undefined) this.#unsealable.delete(oldest);
    this.#unsealable.add(firstId);
    const sessionId = this.#options.book.findKey(session)?.committed.id ?? null;
    if (sessionId !== null) this.#options.onNotice({ kind: 'segment-damaged', sessionId, from, to, message });
  }

  /** What a session takes on disk has changed. */
  #resize(session: number, bytes: number): void {
    const record = this.#options.book.findKey(session);
    if (record === undefined) return;
    record.committed = { ...record.committed, storedBytes: Math.max(0, record.committed.storedBytes + bytes) };
  }

  /** False when there is no storing any more. */
  async #mayStore(): Promise<boolean> {
    while (this.#options.held() && !this.#closed) await this.#released.promise;
    return !this.#closed;
  }

  #failed(cause: unknown): void {
    if (this.#closed) return;
    this.#options.counters.add('compaction_failures');
    // A full disk is reported by the next commit of output, and waiting costs space only.
    if (sqliteCode(cause) === undefined && !this.#failing) this.#options.onNotice({ kind: 'compaction-failed', cause });
    this.#failing = true;
    this.#pumpLater();
  }

  /** Looks once a while, as long as something is committed: commits do not pay for it. */
  #arm(): void {
    if (this.#look !== undefined || this.#closed) return;
    this.#recentBytes = 0;
    this.#look = setTimeout(() => {
      this.#look = undefined;
      this.#quiet = this.#recentBytes <= QUIET_BYTES;
      if (!this.#quiet) {
        this.#arm();
        return;
      }
      this.#pump();
      this.#giveBack();
    }, QUIET_MS);
    this.#look.unref();
  }

  /** While it stays quiet. */
  #giveBack(): void {
    const { writer, counters, held, onStored } = this.#options;
    if (this.#closed || !this.#quiet || this.#vacuum !== undefined) return;
    if (writer.freePages() <= KEPT_FREE_PAGES) {
      if (this.#gaveBack) this.#options.onGivenBack();
      this.#gaveBack = false;
      return;
    }
    this.#vacuum = setTimeout(() => {
      this.#vacuum = undefined;
      if (!this.#quiet || this.#closed) return;
      try {
        if (!held()) {
          writer.vacuum(VACUUM_PAGES);
          this.#gaveBack = true;
          counters.add('vacuumed_pages', VACUUM_PAGES);
          onStored();
        }
      } catch (error) {
        if (sqliteCode(error) === undefined) throw error;
        // The next quiet moment is soon enough.
        return;
      }
      this.#giveBack();
    }, VACUUM_PAUSE_MS);
    this.#vacuum.unref();
  }
}
