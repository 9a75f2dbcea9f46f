// Owns a journal without a disk: the port's promises, nothing durable. For those who want no output on their disk (COTG_PERSISTENCE=memory),
// and for tests of the host. Keeps the newest part of each session, from a state that an emulator has left; dies with the host.
// Commits by itself at the end of the loop's turn and at 64 KiB, or only when told (`autoCommit: false`).
import type { BaseCheckpoint, CommittedEntry, HistoryPage, NewSession, OutputJournal, ProcessIdentity, RunEnd } from './output-journal.ts';
import type { HostSession, MarkEntry, SessionId } from '../protocol/messages.ts';

const COMMIT_BYTES = 64 * 1024;
/** Kept of one session at the most, for a host without a disk (bytes): 200 sessions are 400 MiB, and a screen with 1,000 lines needs a tenth. */
export const MEMORY_KEPT_BYTES = 2 * 1024 * 1024;
/** States kept as places to begin later: one for each eighth of what is kept, about 10 KB each. */
const BASES = 8;
/** Time between two time marks (ms), so that a recording looks as it did. */
const TIME_MARK_MS = 250;

type Queued =
  | { readonly kind: 'output'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'mark'; readonly entry: MarkEntry };

interface Stored {
  session: HostSession;
  identity: ProcessIdentity | undefined;
  queued: Queued[];
  queuedBytes: number;
  /** End of what is queued. */
  tailOffset: number;
  tailMark: number;
  bases: readonly BaseCheckpoint[];
  base: BaseCheckpoint | null;
  readonly startSize: { readonly cols: number; readonly rows: number };
  timedAt: number;
  pieces: { readonly offset: number; readonly bytes: Uint8Array }[];
  marks: MarkEntry[];
}

type MarkFields<T = MarkEntry> = T extends MarkEntry ? Omit<T, 'offset' | 'mark' | 'at'> : never;

export class MemoryJournal implements OutputJournal {
  /** Calls of `followed`, newest last. */
  readonly followedCalls: boolean[] = [];
  readonly #stored = new Map<SessionId, Stored>();
  readonly #autoCommit: boolean;
  readonly #keptBytes: number;
  readonly #timeMarks: boolean;
  #listener: ((entries: readonly CommittedEntry[]) => void) | undefined;
  #scheduled: NodeJS.Immediate | undefined;

  /** `keptBytes`: of one session, whatever its own limit. `timeMarks`: output is stamped with its time. */
  constructor(options: { readonly autoCommit?: boolean; readonly keptBytes?: number; readonly timeMarks?: boolean } = {}) {
    this.#keptBytes = options.keptBytes ?? Number.POSITIVE_INFINITY;
    this.#timeMarks = options.timeMarks ?? false;
    this.#autoCommit = options.autoCommit ?? true;
  }

  sessions(): readonly HostSession[] {
    return [...this.#stored.values()].map(({ session }) => session);
  }

  session(id: SessionId): HostSession | undefined {
    return this.#stored.get(id)?.session;
  }

  identity(id: SessionId): ProcessIdentity | undefined {
    return this.#stored.get(id)?.identity;
  }

  createSession(fresh: NewSession): HostSession {
    const session: HostSession = {
      ...fresh,
      run: 1,
      runFromOffset: 0,
      state: 'starting',
      pid: null,
      lastActivityAt: fresh.createdAt,
      endedAt: null,
      reason: null,
      exitCode: null,
      signal: null,
      firstOffset: 0,
      endOffset: 0,
      lastMark: 0,
      storedBytes: 0,
      idleEndsAt: null,
    };
    this.#stored.set(fresh.id, {
      session,
      identity: undefined,
      queued: [],
      queuedBytes: 0,
      tailOffset: 0,
      tailMark: 0,
      bases: [],
      base: null,
      startSize: { cols: fresh.cols, rows: fresh.rows },
      timedAt: 0,
      pieces: [],
      marks: [],
    });
    return session;
  }

  beginRun(id: SessionId, note: string): HostSession {
    const { session, tailOffset } = this.#get(id);
    const run = session.run + 1;
    this.#mark(id, { kind: 'seam', run, note }, Date.now());
    const fresh = { state: 'starting', pid: null, endedAt: null, reason: null, exitCode: null, signal: null } as const;
    this.#change(id, { ...fresh, run, runFromOffset: tailOffset });
    this.commit();
    return this.#get(id).session;
  }

  runStarted(id: SessionId, identity: ProcessIdentity): HostSession {
    this.#get(id).identity = identity;
    return this.#change(id, { state: 'running', pid: identity.pid });
  }

  runEnded(id: SessionId, end: RunEnd): HostSession {
    const { run } = this.#get(id).session;
    const { endedAt, ...how } = end;
    this.#mark(id, { kind: 'exit', run, ...how }, endedAt);
    this.#change(id, { ...end, pid: null });
    this.commit();
    return this.#get(id).session;
  }

  updateSession(id: SessionId, change: { readonly maxHistoryBytes?: number; readonly idleTimeoutMs?: number }): HostSession {
    return this.#change(id, change);
  }

  removeSession(id: SessionId): void {
    this.#stored.delete(id);
  }

  offerBase(id: SessionId, base: BaseCheckpoint): boolean {
    const stored = this.#get(id);
    const newest = stored.bases.at(-1)?.offset ?? stored.session.firstOffset;
    const isStored = base.offset <= stored.session.endOffset && base.mark <= stored.session.lastMark;
    if (!isStored || base.offset - newest < this.#kept(stored) / BASES) return false;
    stored.bases = [...stored.bases, base];
    trim(stored, this.#kept(stored));
    return true;
  }

  base(id: SessionId): BaseCheckpoint | null {
    return this.#get(id).base;
  }

  touched(id: SessionId, at: number): void {
    this.#change(id, { lastActivityAt: at });
  }

  append(id: SessionId, bytes: Uint8Array, printedAt?: number): number {
    const stored = this.#get(id);
    const now = printedAt ?? Date.now();
    if (this.#timeMarks && Math.abs(now - stored.timedAt) >= TIME_MARK_MS) {
      stored.timedAt = now;
      this.#mark(id, { kind: 'time' }, now);
    }
    stored.queued.push({ kind: 'output', offset: stored.tailOffset, bytes });
    stored.queuedBytes += bytes.length;
    stored.tailOffset += bytes.length;
    this.#schedule(stored);
    return stored.tailOffset;
  }

  resized(id: SessionId, cols: number, rows: number): void {
    this.#mark(id, { kind: 'resize', cols, rows }, Date.now());
    this.#change(id, { cols, rows });
    this.#schedule(this.#get(id));
  }

  typed(_id: SessionId): void {
    // Its commits are never late anyway.
  }

  followed(anybody: boolean): void {
    this.followedCalls.push(anybody);
  }

  pendingBytes(id: SessionId): number {
    return this.#stored.get(id)?.queuedBytes ?? 0;
  }

  onStorage(): void {
    // Memory never stops storing.
  }

  onCommitted(listener: (entries: readonly CommittedEntry[]) => void): void {
    this.#listener = listener;
  }

  history(request: Parameters<OutputJournal['history']>[0], signal: AbortSignal): Promise<HistoryPage> {
    signal.throwIfAborted();
    const stored = this.#stored.get(request.id);
    if (!stored) return Promise.resolve({ kind: 'unknown-session' });
    const { firstOffset, endOffset } = stored.session;
    if (request.fromOffset < firstOffset) return Promise.resolve({ kind: 'trimmed', firstOffset, endOffset });
    const from = Math.min(request.fromOffset, endOffset);
    const to = Math.min(request.toOffset, endOffset);
    const pageEnd = Math.min(to, from + request.maxBytes);
    const slices = stored.pieces
      .filter(({ offset, bytes }) => offset < pageEnd && offset + bytes.length > from)
      .map(({ offset, bytes }) => {
        const begin = Math.max(offset, from);
        return { offset: begin, bytes: bytes.subarray(begin - offset, Math.min(bytes.length, pageEnd - offset)) };
      });
    const marks = stored.marks.filter((mark) => mark.mark > request.afterMark && mark.offset <= pageEnd);
    return Promise.resolve({
      kind: 'page',
      fromOffset: request.fromOffset,
      firstOffset,
      endOffset,
      pieces: slices.map(({ offset, bytes }) => ({ offset, length: bytes.length, codec: 'none', storedLength: bytes.length, crc: null })),
      marks,
      bytes: Buffer.concat(slices.map(({ bytes }) => bytes)),
      next: pageEnd < to ? { offset: pageEnd, mark: marks.at(-1)?.mark ?? request.afterMark, cursor: 'memory' } : null,
    });
  }

  damage(): readonly [] {
    return [];
  }

  metrics(): null {
    return null;
  }

  backup(): Promise<never> {
    return Promise.reject(new Error('nothing is stored: there is nothing to copy'));
  }

  verify(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  stats(): { readonly journalBytes: number; readonly storage: 'memory' } {
    let journalBytes = 0;
    for (const { session } of this.#stored.values()) journalBytes += session.storedBytes;
    return { journalBytes, storage: 'memory' };
  }

  flush(): void {
    this.commit();
  }

  close(): Promise<void> {
    this.commit();
    return Promise.resolve();
  }

  /** Commits all that is queued and reports it. */
  commit(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const entries: CommittedEntry[] = [];
    for (const stored of this.#stored.values()) {
      entries.push(...commitOne(stored));
      trim(stored, this.#kept(stored));
    }
    if (entries.length > 0) this.#listener?.(entries);
  }

  #kept({ session }: Stored): number {
    return Math.min(session.maxHistoryBytes, this.#keptBytes);
  }

  #get(id: SessionId): Stored {
    const stored = this.#stored.get(id);
    if (!stored) throw new Error(`no session ${id} in the journal`);
    return stored;
  }

  #change(id: SessionId, change: Partial<HostSession>): HostSession {
    const stored = this.#get(id);
    stored.session = { ...stored.session, ...change };
    return stored.session;
  }

  #mark(id: SessionId, fields: MarkFields, at: number): void {
    const stored = this.#get(id);
    stored.tailMark += 1;
    stored.queued.push({ kind: 'mark', entry: { ...fields, offset: stored.tailOffset, mark: stored.tailMark, at } });
  }

  #schedule(stored: Stored): void {
    if (!this.#autoCommit) return;
    if (stored.queuedBytes >= COMMIT_BYTES) this.commit();
    else this.#scheduled ??= setImmediate(() => this.commit());
  }
}

function commitOne(stored: Stored): CommittedEntry[] {
  const sessionId = stored.session.id;
  const entries: CommittedEntry[] = [];
  for (const queued of stored.queued) {
    if (queued.kind === 'mark') {
      stored.marks.push(queued.entry);
      entries.push({ kind: 'mark', sessionId, entry: queued.entry });
    } else {
      stored.pieces.push(queued);
      entries.push({ kind: 'output', sessionId, offset: queued.offset, bytes: queued.bytes });
    }
  }
  stored.queued = [];
  stored.queuedBytes = 0;
  const { session } = stored;
  stored.session = {
    ...session,
    endOffset: stored.tailOffset,
    lastMark: stored.tailMark,
    storedBytes: stored.tailOffset - session.firstOffset,
    ...(entries.some((entry) => entry.kind === 'output') ? { lastActivityAt: Date.now() } : {}),
  };
  return entries;
}

/** To the first state that the limit allows; without one, at twice the limit, to about the limit and a blank terminal. */
function trim(stored: Stored, kept: number): void {
  const firstOffset = stored.base?.offset ?? 0;
  if (stored.tailOffset - firstOffset <= kept) return;
  const least = stored.tailOffset - kept;
  const next =
    stored.bases.find(({ offset }) => offset >= least) ?? (stored.tailOffset - firstOffset > 2 * kept ? blankAt(stored, least) : null);
  if (!next) return;
  stored.base = next;
  stored.bases = stored.bases.filter(({ offset }) => offset > next.offset);
  stored.pieces = stored.pieces.filter(({ offset, bytes }) => offset + bytes.length > next.offset);
  stored.marks = stored.marks.filter(({ mark }) => mark > next.mark);
  stored.session = { ...stored.session, firstOffset: next.offset, storedBytes: stored.session.endOffset - next.offset };
}

function blankAt({ marks, pieces, base, startSize, session }: Stored, least: number): BaseCheckpoint {
  const offset = pieces.find((piece) => piece.offset >= least)?.offset ?? least;
  const before = marks.filter((mark) => mark.offset <= offset);
  const size = before.findLast((mark) => mark.kind === 'resize') ?? base ?? startSize;
  const { cols, rows } = size;
  return { offset, mark: before.at(-1)?.mark ?? base?.mark ?? 0, run: session.run, cols, rows, version: '', state: new Uint8Array(0) };
}
