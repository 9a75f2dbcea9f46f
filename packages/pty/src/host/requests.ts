// Owns what each request does. Must not know sockets or frames: a peer hands over requests that were checked and sends what comes back.
import { HostRequestError, messageOf } from '../errors.ts';
import type { EndReason, HostSession, HostStatus, ReplyBodies, Request, RequestType, SessionId } from '../protocol/messages.ts';
import type { Asker } from './asker.ts';
import type { HostLimits } from './limits.ts';
import type { HistoryPage, OutputJournal } from './output-journal.ts';
import { stored } from './session.ts';
import type { SessionTable } from './session-table.ts';

/** A state at which a history may begin: about 10 KB, 50 of them for each session. A larger one is not kept, the next one may be. */
const MAX_BASE_BYTES = 512 * 1024;

/** The host as requests see it. */
export interface HostCore {
  readonly table: SessionTable;
  readonly journal: OutputJournal;
  readonly limits: HostLimits;
  status(): HostStatus;
  /** True once the host is ending: nothing new is started. */
  readonly ending: boolean;
  changed(id: SessionId): void;
  removed(id: SessionId): void;
  /** Ends all sessions and stores everything; the host itself ends after the reply. */
  shutDown(): Promise<void>;
}

export interface Answer<T extends RequestType> {
  readonly reply: ReplyBodies[T];
  readonly body?: Uint8Array;
}

/** Everything but `hello`, which belongs to the connection. */
export type ServedType = Exclude<RequestType, 'hello'>;
type RequestOf<T extends RequestType> = Extract<Request, { type: T }>;
type Handler<T extends ServedType> = (request: RequestOf<T>, body: Uint8Array, asker: Asker) => Answer<T> | Promise<Answer<T>>;
export type Handlers = { readonly [T in ServedType]: Handler<T> };

/** Handlers throw HostRequestError for what is refused; anything else they throw is a defect. Synchronous ones keep the order of requests. */
export function makeHandlers(core: HostCore): Handlers {
  const { table, journal, limits } = core;
  const session = (view: HostSession): { readonly reply: { readonly session: HostSession } } => ({ reply: { session: view } });
  return {
    create(request) {
      if (core.ending) throw new HostRequestError('SHUTTING_DOWN', 'the host is ending');
      return session(table.create(request));
    },
    input({ sessionId, viewerId, n }, body) {
      const found = table.find(sessionId);
      if (!found) throw new HostRequestError('SESSION_ENDED', 'the program has ended');
      return { reply: found.input(viewerId, n, body) };
    },
    lastInput: ({ sessionId, viewerId }) => ({ reply: { lastInput: table.find(sessionId)?.lastInput(viewerId) ?? 0 } }),
    resize({ sessionId, cols, rows }) {
      table.alive(sessionId).resize(cols, rows);
      return session(table.view(sessionId));
    },
    kill({ sessionId, reason }) {
      if (isUnfinishedImport(journal, table, sessionId)) return session(endImport(journal, sessionId, reason));
      table.alive(sessionId).kill(reason);
      return session(table.view(sessionId));
    },
    restart(request) {
      if (core.ending) throw new HostRequestError('SHUTTING_DOWN', 'the host is ending');
      return session(table.restart(request));
    },
    viewers({ sessionId, viewers }, _body, asker) {
      table.view(sessionId);
      table.viewers(asker, sessionId, viewers);
      return { reply: {} };
    },
    remove({ sessionId }) {
      table.remove(sessionId);
      core.removed(sessionId);
      return { reply: {} };
    },
    update({ sessionId, maxHistoryBytes, idleTimeoutMs }) {
      table.view(sessionId);
      const change = {
        ...(maxHistoryBytes === undefined ? {} : { maxHistoryBytes }),
        ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
      };
      stored(() => journal.updateSession(sessionId, change));
      core.changed(sessionId);
      return session(table.view(sessionId));
    },
    list: () => ({ reply: { sessions: table.list() } }),
    follow({ sessionId, patient }, _body, asker) {
      const view = table.view(sessionId);
      asker.follow(sessionId, patient ?? false);
      const answeredOffset = table.find(sessionId)?.answered ?? view.endOffset;
      return { reply: { offset: view.endOffset, mark: view.lastMark, answeredOffset, session: view } };
    },
    parsed({ sessionId, run, offset, isAwaited }, body, asker) {
      const typed = table.find(sessionId)?.parsed({ run, offset, isAwaited: isAwaited ?? false }, body, asker) ?? false;
      return { reply: { typed } };
    },
    unfollow({ sessionId }, _body, asker) {
      table.find(sessionId)?.unparsed(asker);
      asker.unfollow(sessionId);
      return { reply: {} };
    },
    offerBase({ sessionId, id: _id, type: _type, ...place }, body) {
      table.view(sessionId);
      if (body.length > MAX_BASE_BYTES) return { reply: { kept: false } };
      return { reply: { kept: stored(() => journal.offerBase(sessionId, { ...place, state: body })) } };
    },
    base({ sessionId }) {
      table.view(sessionId);
      const base = stored(() => journal.base(sessionId));
      if (!base) return { reply: { base: null } };
      const { state, ...place } = base;
      return { reply: { base: place }, body: state };
    },
    async history({ sessionId, fromOffset, afterMark, toOffset, maxBytes, cursor }, _body, { signal }) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(limits.historyTimeoutMs)]);
      const page = await readHistory(journal, { id: sessionId, fromOffset, afterMark, toOffset, maxBytes, cursor }, bounded);
      if (page.kind === 'unknown-session') throw new HostRequestError('UNKNOWN_SESSION', `no session ${sessionId}`);
      if (page.kind === 'trimmed') {
        throw new HostRequestError('TRIMMED', `what lies before offset ${page.firstOffset} is not kept any more`, {
          firstOffset: page.firstOffset,
        });
      }
      const { fromOffset: begins, firstOffset, endOffset, pieces, marks, next, bytes } = page;
      return { reply: { fromOffset: begins, firstOffset, endOffset, pieces, marks, next }, body: bytes };
    },
    import(request, body) {
      return session(stored(() => importPiece(journal, request, body)));
    },
    async backup({ path }) {
      await whole(() => journal.backup(path));
      return { reply: {} };
    },
    async verify() {
      return { reply: { findings: await whole(() => journal.verify()) } };
    },
    metrics: () => ({ reply: { metrics: journal.metrics() } }),
    status: () => ({ reply: { host: core.status() } }),
    async shutdown() {
      await core.shutDown();
      return { reply: {} };
    },
  };
}

/** The journal alone: such a session has no child, and looks like one that an earlier host has left. */
function importPiece(journal: OutputJournal, request: RequestOf<'import'>, body: Uint8Array): HostSession {
  const { sessionId: id, from, isLast, cols, rows, createdAt, endedAt, maxHistoryBytes } = request;
  if (!journal.session(id)) {
    journal.createSession({ id, command: [IMPORTED], cwd: '/', cols, rows, maxHistoryBytes, idleTimeoutMs: 0, createdAt });
  }
  const { endOffset, state } = journal.session(id) ?? { endOffset: -1, state: 'lost' };
  if (state !== 'starting' || endOffset !== from) throw new HostRequestError('BAD_REQUEST', `session ${id} does not go on at ${from}`);
  // When its lines were printed nobody knows: all at once, at the beginning.
  journal.append(id, body, createdAt);
  journal.touched(id, endedAt);
  journal.flush();
  return isLast
    ? journal.runEnded(id, { state: 'exited', reason: 'exit', exitCode: null, signal: null, endedAt })
    : (journal.session(id) ?? fail(id));
}

/** Whoever sent its pieces may have gone for good: without an end it would count as a living one for ever, and nobody could remove it. */
function isUnfinishedImport(journal: OutputJournal, table: SessionTable, id: SessionId): boolean {
  const { state, command } = journal.session(id) ?? {};
  return state === 'starting' && command?.[0] === IMPORTED && !table.find(id)?.alive;
}

function endImport(journal: OutputJournal, id: SessionId, reason: EndReason): HostSession {
  const endedAt = journal.session(id)?.lastActivityAt ?? fail(id);
  return journal.runEnded(id, { state: 'killed', reason, exitCode: null, signal: null, endedAt });
}

/** What stands where a program's name would. */
const IMPORTED = 'imported';

function fail(id: SessionId): never {
  throw new HostRequestError('UNKNOWN_SESSION', `no session ${id}`);
}

async function whole<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new HostRequestError('STORAGE_FAILED', messageOf(error), { cause: error });
  }
}

async function readHistory(
  journal: OutputJournal,
  request: Parameters<OutputJournal['history']>[0],
  signal: AbortSignal,
): Promise<HistoryPage> {
  try {
    return await journal.history(request, signal);
  } catch (error) {
    throw new HostRequestError('STORAGE_FAILED', 'the history could not be read', { cause: error });
  }
}
