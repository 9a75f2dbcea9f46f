// Owns one terminal: its child, what is typed into it, and the order in which its output and its end reach the journal.
// Must not know peers or followers, node-pty, or how the journal stores. Invariant: `state` only moves forward, and the end of a
// run is recorded once, behind all its output.
import { HostRequestError, messageOf } from '../errors.ts';
import type { EndReason, HostSession, ReplyBodies, Request, SessionId } from '../protocol/messages.ts';
import type { Clock, Timer } from './clock.ts';
import type { Asker } from './asker.ts';
import { EmulatorPace } from './emulator-pace.ts';
import { FlowControl } from './flow-control.ts';
import { InputLedger } from './input-ledger.ts';
import { InputQueue } from './input-queue.ts';
import type { HostLimits } from './limits.ts';
import type { HostLog } from './log.ts';
import type { OutputJournal, RunEnd } from './output-journal.ts';
import { identityOf } from './proc.ts';
import type { PtyExit, PtyProcess, SpawnPty } from './pty-process.ts';

/** How often a killed session is looked at for processes that are still there. */
const COMPANIONS_POLL_MS = 50;
/** After SIGKILL: a process that is still there hangs in the kernel or belongs to another user; the session ends without it. */
const GIVE_UP_MS = 1000;

/** Of the session's history: how far an emulator may be behind before its terminal waits, and where it goes on. */
const EMULATOR_LAG_HIGH = 0.5;
const EMULATOR_LAG_LOW = 0.25;
/**
 * And by so much (bytes) while somebody is shown its screens instead of the output: what lies between is what ^C has to wait for. A machine at full load
 * parses this in 0.3 s.
 */
const AWAITED_LAG_HIGH_BYTES = 512 * 1024;
const AWAITED_LAG_LOW_BYTES = 256 * 1024;

/** What programs ask about colours; a caller's own values win. */
const TERMINAL_ENV = { TERM: 'xterm-256color', COLORTERM: 'truecolor' } as const;

export type CreateRequest = Extract<Request, { type: 'create' }>;

export interface SessionParts {
  readonly journal: OutputJournal;
  readonly spawnPty: SpawnPty;
  readonly clock: Clock;
  readonly log: HostLog;
  readonly limits: HostLimits;
  /** Created, or changed in state, size or limits. */
  readonly changed: (id: SessionId) => void;
}

interface Kill {
  readonly reason: EndReason;
  /** On the monotonic clock. */
  readonly graceEndsAt: number;
}

export class Session {
  readonly id: SessionId;
  readonly #parts: SessionParts;
  readonly #ledger: InputLedger;
  #process: PtyProcess | undefined;
  #queue: InputQueue | undefined;
  #flow: FlowControl | undefined;
  #pace: EmulatorPace | undefined;
  /** The connection whose emulator sets the pace. */
  #pacer: Asker | undefined;
  #appended = 0;
  #activity = 0;
  /** How many reasons there are for the terminal to wait. */
  #holds = 0;
  #cols: number;
  #rows: number;
  #kill: Kill | undefined;
  #killTimer: Timer | undefined;
  #end: RunEnd | undefined;
  #endedListeners: (() => void)[] = [];

  /**
   * Records the session, or the next run of one (`again`), then starts its child. Throws SPAWN_FAILED (the session stays, ended as failed-to-start) or
   * STORAGE_FAILED (nothing runs).
   */
  constructor(request: CreateRequest, parts: SessionParts, again?: { readonly note: string; readonly ledger: InputLedger | undefined }) {
    const { sessionId: id, command, cwd, cols, rows, maxHistoryBytes, idleTimeoutMs } = request;
    const { journal, clock, limits } = parts;
    this.id = id;
    this.#parts = parts;
    this.#cols = cols;
    this.#rows = rows;
    this.#ledger = again?.ledger ?? new InputLedger({ maxViewers: limits.viewersRemembered });
    const session = stored(() =>
      again
        ? journal.beginRun(id, again.note)
        : journal.createSession({ id, command, cwd, cols, rows, maxHistoryBytes, idleTimeoutMs, createdAt: clock.now() }),
    );
    this.#appended = session.endOffset;
    this.#process = this.#start(request);
    this.#queue = new InputQueue({
      write: (bytes) => this.#process?.write(bytes) ?? 0,
      clock,
      limitBytes: limits.inputQueueBytes,
      failed: (error) => parts.log.warn({ session: id, error: messageOf(error) }, 'what was typed last did not reach the terminal'),
    });
    this.#flow = new FlowControl({
      pendingBytes: () => journal.pendingBytes(id),
      pause: () => this.#hold(1),
      resume: () => this.#hold(-1),
      bounds: () => ({ highBytes: limits.pendingHighBytes, lowBytes: limits.pendingLowBytes }),
      clock,
    });
    this.#pace = new EmulatorPace({
      appended: () => this.#appended,
      from: session.endOffset,
      now: () => clock.monotonic(),
      flow: (pendingBytes) =>
        new FlowControl({
          pendingBytes,
          pause: () => this.#hold(1),
          resume: () => this.#hold(-1),
          bounds: () => this.#lagBounds(maxHistoryBytes),
          clock,
        }),
    });
  }

  /** Changes with every byte typed or printed. */
  get activity(): number {
    return this.#activity;
  }

  /** Of inputs: it outlives the run, so that a key sent again after a restart is known. */
  get ledger(): InputLedger {
    return this.#ledger;
  }

  get alive(): boolean {
    return this.#end === undefined;
  }

  /** What the journal knows, with what it could not store or has not stored yet. */
  view(): HostSession {
    const session = this.#parts.journal.session(this.id);
    if (!session) throw new HostRequestError('UNKNOWN_SESSION', `no session ${this.id}`);
    const sized = { ...session, cols: this.#cols, rows: this.#rows };
    return this.#end ? { ...sized, ...this.#end, pid: null } : sized;
  }

  lastInput(viewerId: string): number {
    return this.#ledger.lastInput(viewerId);
  }

  /** Types the bytes once per (viewer, n). Throws INPUT_GAP, SESSION_ENDED, INPUT_BUFFER_FULL; then the number is still free. */
  input(viewerId: string, n: number, bytes: Uint8Array): ReplyBodies['input'] {
    const { journal, clock } = this.#parts;
    const endOffset = (): number => this.view().endOffset;
    const verdict = this.#ledger.judge(viewerId, n);
    if (verdict.kind === 'duplicate') return { result: 'duplicate', lastInput: verdict.lastInput, endOffset: endOffset() };
    if (!this.#queue || !this.alive) throw new HostRequestError('SESSION_ENDED', 'the program has ended');
    if (verdict.kind === 'gap') {
      throw new HostRequestError('INPUT_GAP', `input ${n} came after ${verdict.lastInput}: what is between was never received`);
    }
    // Before the write: the echo may be read in the same turn, and it is to be committed at once.
    journal.typed(this.id);
    if (!this.#queue.offer(bytes)) {
      throw new HostRequestError('INPUT_BUFFER_FULL', 'the program does not read; nothing more can be typed now', {
        hint: 'Send it again when the program reads.',
      });
    }
    this.#ledger.record(viewerId, n);
    this.#activity += 1;
    journal.touched(this.id, clock.now());
    return { result: 'applied', lastInput: n, endOffset: endOffset() };
  }

  /** Queries in the output before this offset have been answered. */
  get answered(): number {
    return this.#pace?.answered ?? 0;
  }

  /** An emulator behind this connection has parsed the run up to `offset` and answers so. True when the answer was typed. */
  parsed(at: { run: number; offset: number; isAwaited: boolean }, replies: Uint8Array, asker: Asker): boolean {
    if (!this.alive || !this.#pace || !this.#queue) return false;
    if (this.#pacer !== asker) {
      this.#pacer = asker;
      asker.signal.addEventListener('abort', () => this.unparsed(asker), { once: true });
    }
    // A question of an earlier run has nobody left to answer to.
    const isNews = this.#pace.reached(at.offset, at.isAwaited) && at.run === this.view().run;
    if (!isNews || replies.length === 0) return false;
    this.#parts.journal.typed(this.id);
    return this.#queue.offer(replies);
  }

  #lagBounds(maxHistoryBytes: number): { highBytes: number; lowBytes: number } {
    const [highBytes, lowBytes] = [maxHistoryBytes * EMULATOR_LAG_HIGH, maxHistoryBytes * EMULATOR_LAG_LOW];
    if (this.#pace?.isAwaited !== true) return { highBytes, lowBytes };
    return { highBytes: Math.min(highBytes, AWAITED_LAG_HIGH_BYTES), lowBytes: Math.min(lowBytes, AWAITED_LAG_LOW_BYTES) };
  }

  /** That connection parses this session no more. */
  unparsed(asker: Asker): void {
    if (this.#pacer !== asker) return;
    this.#pacer = undefined;
    this.#pace?.gone();
  }

  resize(cols: number, rows: number): void {
    if (!this.alive) throw new HostRequestError('SESSION_ENDED', 'the program has ended');
    if (cols === this.#cols && rows === this.#rows) return;
    // The mark first: what the program draws for the new size is read later, so it lies behind the mark.
    this.#parts.journal.resized(this.id, cols, rows);
    this.#cols = cols;
    this.#rows = rows;
    this.#process?.resize(cols, rows);
    this.#parts.changed(this.id);
  }

  /** Call after commits of this session. */
  committed(): void {
    this.#flow?.committed();
  }

  /** Ends the child and every process of its terminal session. Again while it is ending: no effect, the first reason stays. */
  kill(reason: EndReason, graceMs: number = this.#parts.limits.killGraceMs): void {
    if (!this.alive) throw new HostRequestError('SESSION_ENDED', 'the program has ended');
    if (this.#kill) return;
    const { clock, log } = this.#parts;
    this.#kill = { reason, graceEndsAt: clock.monotonic() + graceMs };
    log.info({ session: this.id, reason }, 'ending a session');
    this.#process?.hangUp();
    this.#killTimer = clock.after(graceMs, () => {
      this.#killTimer = undefined;
      this.#process?.killAll();
    });
  }

  /** Resolves when the end is recorded; at once when it is already. */
  ended(): Promise<void> {
    if (!this.alive) return Promise.resolve();
    return new Promise((resolve) => this.#endedListeners.push(resolve));
  }

  #hold(change: 1 | -1): void {
    const held = this.#holds > 0;
    this.#holds += change;
    if (this.#holds > 0 && !held) this.#process?.pause();
    else if (this.#holds === 0 && held) this.#process?.resume();
  }

  #start(request: CreateRequest): PtyProcess {
    const { journal, spawnPty, log } = this.#parts;
    let child: PtyProcess;
    try {
      child = spawnPty({
        ...request,
        env: { ...TERMINAL_ENV, ...request.env },
        onOutput: (bytes) => this.#printed(bytes),
        onExit: (exit) => this.#exited(exit),
      });
    } catch (error) {
      this.#finish({ state: 'exited', reason: 'failed-to-start', exitCode: null, signal: null });
      throw new HostRequestError('SPAWN_FAILED', 'the computer could not start another program', {
        cause: error,
        hint: 'It may have reached its limit of processes, open files or terminals.',
      });
    }
    try {
      stored(() => journal.runStarted(this.id, identityOf(child.pid)));
    } catch (error) {
      // A child that no record knows could never be shown or ended by anyone.
      child.killAll();
      throw error;
    }
    log.info({ session: this.id, pid: child.pid }, 'a session started');
    return child;
  }

  #printed(bytes: Uint8Array): void {
    if (!this.alive) return;
    this.#activity += 1;
    try {
      this.#appended = this.#parts.journal.append(this.id, bytes);
      this.#flow?.appended();
      this.#pace?.appended();
    } catch (error) {
      // The journal promises not to throw here. This session ends alone: going on would show output that no record has.
      this.#parts.log.error({ session: this.id, error: messageOf(error) }, 'output could not be recorded; ending this session');
      if (!this.#kill) this.kill('signal');
    }
  }

  #exited(exit: PtyExit): void {
    const kill = this.#kill;
    if (!kill)
      return this.#finish(
        exit.signal === null ? { state: 'exited', reason: 'exit', ...exit } : { state: 'killed', reason: 'signal', ...exit },
      );
    this.#killTimer?.cancel();
    this.#awaitCompanions({ state: 'killed', reason: kill.reason, ...exit }, kill);
  }

  /** Background jobs of a killed session: hung up with it, killed after the grace, and only then the session has ended. */
  #awaitCompanions(end: Omit<RunEnd, 'endedAt'>, kill: Kill): void {
    const { clock, log } = this.#parts;
    const left = this.#process?.companions() ?? [];
    const overdueMs = clock.monotonic() - kill.graceEndsAt;
    if (left.length === 0 || overdueMs > GIVE_UP_MS) {
      if (left.length > 0) log.warn({ session: this.id, pids: left }, 'processes of an ended session could not be killed');
      return this.#finish(end);
    }
    if (overdueMs >= 0) this.#process?.killAll();
    this.#killTimer = clock.after(COMPANIONS_POLL_MS, () => this.#awaitCompanions(end, kill));
  }

  #finish(end: Omit<RunEnd, 'endedAt'>): void {
    if (this.#end) return;
    this.#killTimer?.cancel();
    this.#queue?.close();
    this.#flow?.close();
    this.#pace?.close();
    const { journal, clock, log } = this.#parts;
    this.#end = { ...end, endedAt: clock.now() };
    try {
      journal.runEnded(this.id, this.#end);
    } catch (error) {
      // The next host will find this run unfinished and mark it lost; until then `view` tells what is known.
      log.error({ session: this.id, error: messageOf(error) }, 'the end of a session could not be stored');
    }
    log.info({ session: this.id, ...end }, 'a session ended');
    for (const listener of this.#endedListeners.splice(0)) listener();
    this.#parts.changed(this.id);
  }
}

/** Runs a call that stores at once; whatever it throws is STORAGE_FAILED. */
export function stored<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof HostRequestError) throw error;
    throw new HostRequestError('STORAGE_FAILED', 'it could not be stored', { cause: error, hint: 'Is the disk full or read-only?' });
  }
}
