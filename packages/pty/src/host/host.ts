// Owns the host as a value: given a journal, a socket path and a secret it serves terminals until it is closed.
// Must not know SQLite, HTTP, emulators, signals or the environment; the process around it wires those.
// Invariant: bytes reach a follower only after the journal has reported them committed.
import { PROTOCOL_VERSION } from '../protocol/messages.ts';
import type { HostStatus, SessionId } from '../protocol/messages.ts';
import { systemClock } from './clock.ts';
import type { Clock, Timer } from './clock.ts';
import { endOrphans } from './end-orphans.ts';
import { defaultHostLimits } from './limits.ts';
import type { HostLimits } from './limits.ts';
import { listen } from './listener.ts';
import type { HostLog } from './log.ts';
import { makeMemoryTrim, openTrim } from './memory-trim.ts';
import { openPtySpawner } from './node-pty-process.ts';
import type { OutputJournal } from './output-journal.ts';
import { Peer } from './peer.ts';
import type { SpawnPty } from './pty-process.ts';
import { reconcile } from './reconcile.ts';
import type { Reconciled } from './reconcile.ts';
import { makeHandlers } from './requests.ts';
import type { HostCore } from './requests.ts';
import { SessionTable } from './session-table.ts';

/** After the grace of a shutdown, for SIGKILL to do its work; then the host ends whatever the kernel still holds. */
const SHUTDOWN_EXTRA_MS = 2000;
/** Ages and sizes in a list are fresh to a second; a session that prints all day costs one small message a second. */
const ACTIVITY_EVERY_MS = 1000;

/** What becomes of programs that a lost host left behind. */
export type OrphanPolicy = 'leave' | 'end';

export interface HostOptions {
  /** Open; the host flushes it and does not close it. */
  readonly journal: OutputJournal;
  readonly socketPath: string;
  /** What a client's hello must carry. */
  readonly secret: string;
  readonly version: string;
  readonly log: HostLog;
  /** Default: real terminals. Throws PTY_UNAVAILABLE at the start when there are none. */
  readonly spawnPty?: SpawnPty;
  readonly clock?: Clock;
  readonly limits?: Partial<HostLimits>;
  /** Default: leave. */
  readonly orphans?: OrphanPolicy;
  /** A client asked for the end: all sessions have ended, the journal is flushed, the socket is closed. The process closes the journal and exits. */
  readonly onShutdown?: () => void;
}

export interface RunningHost {
  /** What became of the runs of an earlier host. */
  readonly reconciled: Reconciled;
  status(): HostStatus;
  /** Ends all sessions, flushes the journal, closes the socket. Idempotent. */
  close(): Promise<void>;
}

/** Throws HostStartError (HOST_ALREADY_RUNNING, LISTEN_FAILED, SOCKET_PATH_TOO_LONG, PTY_UNAVAILABLE) or what the journal throws. */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const { journal, socketPath, secret, version, log, clock = systemClock } = options;
  const limits: HostLimits = { ...defaultHostLimits, ...options.limits };
  const startedAt = clock.now();
  const spawnPty = options.spawnPty ?? openLoggedSpawner(log);
  const peers = new Set<Peer>();
  let ending: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  const changed = (id: SessionId): void => {
    for (const peer of peers) peer.changed(id);
  };
  const table = new SessionTable({ journal, spawnPty, clock, log, limits, changed });
  const core: HostCore = {
    table,
    journal,
    limits,
    status,
    get ending() {
      return ending !== undefined;
    },
    changed,
    removed: (id) => {
      for (const peer of peers) peer.removed(id);
    },
    async shutDown() {
      await endSessions();
      // After the reply, which the peer sends when this resolves.
      setImmediate(() => {
        close().then(
          () => options.onShutdown?.(),
          (error: unknown) => log.error({ error: String(error) }, 'the host could not close'),
        );
      });
    },
  };
  const handlers = makeHandlers(core);

  /** Sessions with output that lists have not been told of. */
  const printing = new Set<SessionId>();
  let activity: Timer | undefined;

  let idle: Timer | undefined;
  const watchIdle = (): void => {
    idle = clock.after(table.endIdle(), watchIdle);
  };

  const memoryTrim = makeMemoryTrim({ clock, trim: openTrim() });

  let anybodyFollowed = false;
  const followingChanged = (): void => {
    if (closing) return;
    const anybody = [...peers].some((peer) => peer.isWaiting);
    if (anybody === anybodyFollowed) return;
    anybodyFollowed = anybody;
    journal.followed(anybody);
  };

  journal.onCommitted((entries) => {
    for (const peer of peers) peer.push(entries);
    memoryTrim.printed(entries.reduce((sum, entry) => sum + (entry.kind === 'output' ? entry.bytes.length : 0), 0));
    for (const id of new Set(entries.map((entry) => entry.sessionId))) {
      table.committed(id);
      printing.add(id);
    }
    activity ??= clock.after(ACTIVITY_EVERY_MS, () => {
      activity = undefined;
      for (const id of printing) if (journal.session(id)) changed(id);
      printing.clear();
    });
  });

  journal.onStorage((storage) => {
    for (const peer of peers) peer.storage(storage);
  });

  const listener = await listen({
    socketPath,
    log,
    accept(socket) {
      if (peers.size >= limits.peers) {
        const stranger = [...peers].find((peer) => !peer.welcome);
        log.warn({ peers: peers.size }, 'too many connections; one is cut off');
        if (!stranger) {
          socket.destroy();
          return;
        }
        peers.delete(stranger);
        stranger.destroy();
      }
      const closed = (peer: Peer): void => {
        peers.delete(peer);
        followingChanged();
      };
      peers.add(new Peer({ socket, core, handlers, secret, clock, log, followingChanged, closed }));
    },
  });
  // Only now that the socket is ours, so that a second host started by mistake declares nothing lost; and before this turn of the
  // loop ends, so that no client sees a run that is about to be lost.
  let reconciled: Reconciled;
  try {
    reconciled = reconcile({ journal, clock, log });
  } catch (error) {
    await listener.close();
    throw error;
  }
  if (options.orphans === 'end' && reconciled.orphans.length > 0) {
    const identities = reconciled.orphans.map(({ identity }) => identity);
    endOrphans({ identities, clock, log, graceMs: limits.killGraceMs }).catch((error: unknown) =>
      log.error({ error: String(error) }, 'programs of a lost host could not be ended'),
    );
  }
  watchIdle();
  log.info({ socketPath, lost: reconciled.lost.length }, 'the host listens');

  function status(): HostStatus {
    const { journalBytes, storage } = journal.stats();
    return {
      pid: process.pid,
      version,
      protocol: PROTOCOL_VERSION,
      startedAt,
      sessions: table.aliveCount,
      journalBytes,
      storage,
      damaged: journal.damage(),
    };
  }

  function endSessions(): Promise<void> {
    ending ??= (async () => {
      let timer: { cancel(): void } | undefined;
      const overdue = new Promise<'overdue'>((resolve) => {
        timer = clock.after(limits.shutdownGraceMs + SHUTDOWN_EXTRA_MS, () => resolve('overdue'));
      });
      const result = await Promise.race([table.endAll(limits.shutdownGraceMs), overdue]);
      timer?.cancel();
      if (result === 'overdue') log.error({ sessions: table.aliveCount }, 'some programs did not end; the host ends without them');
      journal.flush();
    })();
    return ending;
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      await endSessions();
      activity?.cancel();
      memoryTrim.close();
      idle?.cancel();
      for (const peer of peers) peer.end();
      await listener.close();
      log.info({}, 'the host ended');
    })();
    return closing;
  }

  return { reconciled, status, close };
}

function openLoggedSpawner(log: HostLog): SpawnPty {
  const { spawn, closeOnExec } = openPtySpawner();
  log.info({ closeOnExec }, 'terminals can be opened');
  return spawn;
}
