// `cotg attach ID`: a session on the terminal at the desk, the same one as on the phone. Ctrl-\ d leaves it, and it runs on.
import { constants } from 'node:os';
import { errorCodeOf, refusalText } from '@cotg/api/client';
import { MAX_COLS, MAX_ROWS, MIN_COLS, screenAnsi } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';
import type { Flags } from '../config.ts';
import { EXIT, StartError, messageOf } from '../errors.ts';
import { takeTerminal } from './attach/own-terminal.ts';
import { Painter } from './attach/painter.ts';
import { SessionViewer } from './attach/session-viewer.ts';
import type { Ending, Server } from './attach/session-viewer.ts';
import { TypedKeys } from './attach/typed-keys.ts';
import type { CliIo } from './io.ts';
import { locateServer, sessionIdOf } from './server-client.ts';
import type { Located } from './server-client.ts';

/** What a key's answer may take when somebody leaves (ms). */
const LEAVE_MS = 1000;
/** How long it is said that something was not typed (ms). */
const REFUSAL_SHOWN_MS = 5000;
/** A start or a restart is not announced before it has taken so long (ms). */
const AWAY_AFTER_MS = 300;
const SHORT_ID = 8;
const UNKNOWN_SIGNAL = 0;

export function checkTerminal(io: CliIo): void {
  if (io.isTerminal) return;
  throw new StartError('BAD_SETTING', 'attach needs a terminal: standard input and output are not one.', {
    exitCode: EXIT.usage,
    hint: 'Scripts use `cotg export`, REST or the typed client.',
  });
}

export async function attach(flags: Flags, id: string, io: CliIo): Promise<number> {
  checkTerminal(io);
  return attachTo(flags, await sessionIdOf(flags, id), io);
}

/** Shows the session on this terminal until it ends or somebody leaves it. Returns its exit code, or 0 when it was left. */
export async function attachTo(flags: Flags, sessionId: string, io: CliIo): Promise<number> {
  let located = await locateServer(flags);
  const left = Promise.withResolvers<Leaving>();
  const view = openView({
    server: serverOf(located),
    sessionId,
    leave: left.resolve,
    relocate: async () => {
      const now = await locateServer(flags);
      if (now.info.url === located.info.url && now.info.certificate === located.info.certificate) return undefined;
      located = now;
      return serverOf(now);
    },
  });
  let leaving: Leaving;
  let shown: ScreenState;
  try {
    leaving = await left.promise;
    shown = view.viewer.state();
  } finally {
    view.terminal[Symbol.dispose]();
    view.painter.stop();
  }
  await view.viewer.leave(LEAVE_MS);
  return tell({ leaving, shown, sessionId, refused: view.refused() }, io);
}

type Leaving = { readonly kind: 'detach' } | { readonly kind: 'signal'; readonly code: number } | Ending;

interface ViewOptions {
  readonly server: Server;
  readonly sessionId: string;
  readonly leave: (leaving: Leaving) => void;
  readonly relocate: () => Promise<Server | undefined>;
}

/** The terminal, the viewer and the painter, tied to each other. */
function openView({ server, sessionId, leave, relocate }: ViewOptions) {
  const keys = new TypedKeys();
  let away: string | undefined;
  let awayTimer: ReturnType<typeof setTimeout> | undefined;
  let wasAttached = false;
  let refusal: string | undefined;
  let isLeaving = false;
  let refusedLast: string | undefined;
  const terminal = takeTerminal({
    onBytes: (bytes) => {
      for (const typed of keys.take(bytes)) {
        if (isLeaving) return;
        if (typed.kind === 'bytes') viewer.type(typed.bytes);
        else if (typed.kind === 'take-size') viewer.takeSize();
        else {
          isLeaving = true;
          leave({ kind: 'detach' });
        }
      }
    },
    onResize: () => {
      viewer.resized();
      painter.paintAnew();
    },
    onEnd: (code) => leave({ kind: 'signal', code }),
  });
  const status = (): string | undefined => {
    if (!viewer.isAttached) return away;
    if (refusal !== undefined) return refusal;
    if (viewer.notice !== undefined) return viewer.notice;
    const { cols, rows } = viewer.grid;
    if (viewer.isController || (cols === terminal.cols && rows === terminal.rows)) return undefined;
    return `Another viewer has made it ${cols} x ${rows}. Ctrl-\\ s gives it the size of this terminal`;
  };
  const viewer = new SessionViewer({
    server,
    sessionId,
    wish: () => ({ cols: Math.min(Math.max(terminal.cols, MIN_COLS), MAX_COLS), rows: Math.min(terminal.rows, MAX_ROWS) }),
    onScreen: () => painter.changed(),
    onFacts: () => noteFacts(),
    onTitle: (title) => painter.title(title),
    onBell: () => painter.bell(),
    onRefused: (reason, characters) => {
      refusal = refusalText(reason, characters);
      refusedLast = refusal;
      painter.bell();
      painter.changed();
      setTimeout(() => {
        refusal = undefined;
        painter.changed();
      }, REFUSAL_SHOWN_MS).unref();
    },
    onEnding: leave,
    relocate,
  });
  const painter = new Painter({ terminal, state: () => viewer.state(), status });
  function noteFacts(): void {
    wasAttached ||= viewer.isAttached;
    if (viewer.isAttached) {
      clearTimeout(awayTimer);
      [away, awayTimer] = [undefined, undefined];
    } else {
      awayTimer ??= setTimeout(() => {
        away = `${wasAttached ? 'Reconnecting' : 'Connecting'}… Ctrl-\\ d leaves`;
        painter.changed();
      }, AWAY_AFTER_MS).unref();
    }
    painter.changed();
  }
  noteFacts();
  return { terminal, viewer, painter, refused: () => refusedLast };
}

function serverOf({ info, dataDir, transport }: Located): Server {
  return { url: info.url, token: dataDir.ownerToken, transport };
}

interface Left {
  readonly leaving: Leaving;
  readonly shown: ScreenState;
  readonly sessionId: string;
  readonly refused: string | undefined;
}

function tell({ leaving, shown, sessionId, refused }: Left, io: CliIo): number {
  const id = sessionId.slice(0, SHORT_ID);
  switch (leaving.kind) {
    case 'detach':
      if (refused !== undefined) io.err(refused);
      io.err(`[left ${id}, it runs on: \`cotg attach ${id}\` comes back]`);
      return EXIT.done;
    case 'signal':
      return leaving.code;
    case 'signed-out':
      throw new StartError('REQUEST_FAILED', 'The server does not accept the owner token.', { exitCode: EXIT.notAllowed });
    case 'failed': {
      const exitCode = errorCodeOf(leaving.error) === 'FORBIDDEN' ? EXIT.notAllowed : EXIT.failed;
      throw new StartError('REQUEST_FAILED', messageOf(leaving.error), { exitCode, cause: leaving.error });
    }
    case 'ended':
      // What the program left on its screen stays on this one, as if it had run here.
      for (const line of screenAnsi(shown, { joinWrapped: false })) io.out(line);
      io.err(`[${id} ended: ${endWords(leaving)}]`);
      return exitCodeOf(leaving);
    default:
      return leaving satisfies never;
  }
}

type Ended = Extract<Ending, { kind: 'ended' }>;

function endWords({ code, signal, state }: Ended): string {
  if (signal !== null) return `${state} by ${signal}`;
  return code === null ? state : `exit ${code}`;
}

/** As a shell gives it: the program's own, 128 and the signal's number, 1 where nobody knows. */
function exitCodeOf({ code, signal }: Ended): number {
  if (signal !== null) {
    const number = constants.signals[signal as NodeJS.Signals] ?? UNKNOWN_SIGNAL;
    if (number !== UNKNOWN_SIGNAL) return 128 + number;
  }
  return code ?? EXIT.failed;
}
