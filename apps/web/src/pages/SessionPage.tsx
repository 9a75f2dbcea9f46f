// Owns the page of one session: header, terminal, key bar, and what is said when the session has ended.
// The emulator is loaded with this file, after the list is on the glass.
// oxlint-disable import/no-unassigned-import -- style sheets export nothing; these two come with this file, not with the first page.
import '@xterm/xterm/css/xterm.css';
import '../styles/session.css';
// oxlint-enable import/no-unassigned-import
import type { ScreenProblem } from '@cotg/screen';
import { createEffect, createSignal, Match, onCleanup, onMount, Show, Switch, untrack } from 'solid-js';
import type { JSX } from 'solid-js';
import { useConnection } from '../api/connection.ts';
import { createSession } from '../session/create-session.ts';
import type { OpenSession, SessionPhase } from '../session/create-session.ts';
import { refusalText } from '@cotg/api/client';
import { endSentence } from '../session/session-words.ts';
import type { Stored } from '../settings/stored.ts';
import { checkEmulator } from '../terminal/check-emulator.ts';
import { createTerminal, isMouseReport } from '../terminal/create-terminal.ts';
import type { Size } from '../terminal/fit.ts';
import { KeyBar } from '../terminal/KeyBar.tsx';
import { bytesOfKey } from '../terminal/keys.ts';
import type { BarKey } from '../terminal/keys.ts';
import { safeLink } from '../terminal/links.ts';
import { createModifiers } from '../terminal/modifiers.ts';
import { TerminalView } from '../terminal/TerminalView.tsx';
import { DARK_THEME, LIGHT_THEME } from '../terminal/themes.ts';
import { trackViewport } from '../terminal/viewport.ts';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import type { Question } from '../ui/ConfirmDialog.tsx';
import { BackIcon, CloseIcon, KeyboardIcon, StopIcon } from '../ui/icons.tsx';
import { useRouter } from '../ui/router.ts';
import { TOAST_MS, useToasts } from '../ui/toasts.tsx';
import { endQuestion, removeQuestion } from './questions.ts';

/** Replaced as soon as the true grid is known. */
const FIRST_GRID: Size = { cols: 80, rows: 24 };

export interface SessionPageProps {
  readonly sessionId: string;
  readonly stored: Stored;
  /** True for the first session that this page shows. */
  readonly takeIsNewPage: () => boolean;
  /** Nobody asked for this session now: it was open at the last visit. */
  readonly isReopened: boolean;
}

export function SessionPage(props: SessionPageProps): JSX.Element {
  const connection = useConnection();
  const router = useRouter();
  const toasts = useToasts();
  const modifiers = createModifiers();
  const [open, setOpen] = createSignal<OpenSession>();
  /** undefined: not asked yet. */
  const [problem, setProblem] = createSignal<ScreenProblem | null>();
  const [question, setQuestion] = createSignal<Question>();
  const { sessionId, stored, takeIsNewPage, isReopened } = untrack(() => ({ ...props }));
  stored.setOpenSession(sessionId);

  const { mayType } = connection;
  /** Says so when it may not. */
  const mayTypeHere = (): boolean => {
    if (!mayType()) toasts.show(refusalText('not-allowed', 1));
    return mayType();
  };
  const matches = (query: string): boolean => window.matchMedia(query).matches;
  const terminal = createTerminal({
    ...FIRST_GRID,
    theme: matches('(prefers-color-scheme: light)') ? LIGHT_THEME : DARK_THEME,
    cursorBlink: !matches('(prefers-reduced-motion: reduce)'),
    onText: (text) => {
      // The terminal's own doing, not the person's: there is nobody to tell.
      if (!mayType() && isMouseReport(text)) return;
      if (mayTypeHere()) open()?.type(modifiers.apply(text));
    },
    onBytes: (bytes) => {
      if (mayType()) open()?.typeBytes(bytes);
    },
    onLink: (text) => askForLink(text),
  });
  onCleanup(() => terminal.dispose());
  onMount(() => onCleanup(trackViewport(document.documentElement)));

  const screenProblem = (): ScreenProblem | null => {
    const known = problem();
    return known === undefined ? setProblem(checkEmulator()) : known;
  };
  let refusedAt = Number.NEGATIVE_INFINITY;
  const isRefusalShown = (): boolean => Date.now() - refusedAt < TOAST_MS;
  const begin = (wish: Size): void => {
    setOpen(
      createSession({
        sessionId,
        connection,
        stored,
        terminal,
        wish,
        screenProblem,
        isNewPage: takeIsNewPage(),
        // What was not typed is the graver word: it stays.
        onReturn: (text) => !isRefusalShown() && toasts.show(text),
        onCut: () => !isRefusalShown() && toasts.hide(),
        onRefused: (reason, characters) => {
          refusedAt = Date.now();
          toasts.show(refusalText(reason, characters));
        },
      }),
    );
    // It takes some milliseconds: while the first screen is under way nobody waits for them.
    const timer = setTimeout(screenProblem);
    onCleanup(() => clearTimeout(timer));
  };

  const title = (): string => open()?.title() || 'Session';
  const phase = (): SessionPhase => open()?.phase() ?? 'connecting';
  createEffect(() => {
    document.title = title();
  });
  // A session that was merely open at the last visit and is gone now: the list is the better answer.
  createEffect(() => {
    const failure = open()?.failure();
    if (failure === undefined || !isReopened) return;
    toasts.show(failure);
    router.back();
  });

  const pressKey = (key: BarKey): void => {
    open()?.type(bytesOfKey(key, { applicationCursor: terminal.xterm.modes.applicationCursorKeysMode, ctrl: modifiers.take() }));
    terminal.xterm.scrollToBottom();
  };
  const tell = (error: unknown): void => toasts.show(error instanceof Error ? error.message : 'That did not work.');
  const askToEnd = (): void => {
    setQuestion(endQuestion(connection.client, { id: sessionId, title: title() }, tell));
  };
  // The stream itself says that it runs again, and shows the seam.
  const restart = (): void => void connection.client.api.session.restart.mutate({ sessionId }).catch(tell);
  // `control` tells when it worked.
  const takeControl = (): void => void open()?.takeControl().catch(tell);
  const askToRemove = (): void => {
    setQuestion(
      removeQuestion(connection.client, { id: sessionId, title: title() }, tell, () => {
        stored.forget(sessionId);
        router.back();
      }),
    );
  };
  const askForLink = (text: string): void => {
    const link = safeLink(text);
    if (!link) return;
    setQuestion({
      title: `Open ${link.host}?`,
      text: link.href,
      yes: 'Open',
      no: 'Cancel',
      onYes: () => window.open(link.href, '_blank', 'noopener,noreferrer'),
    });
  };
  const toggleKeyboard = (): void => {
    const { xterm } = terminal;
    if (document.activeElement === xterm.textarea) xterm.blur();
    else xterm.focus();
  };

  return (
    <main class="page session-page" data-testid="session">
      <header class="bar">
        <button type="button" class="icon-button" aria-label="All sessions" data-testid="back" onClick={() => router.back()}>
          <BackIcon />
        </button>
        <div class="session-title">
          <h1 data-testid="title">{title()}</h1>
          <Show when={open()}>{(session) => <PhaseWord session={session()} />}</Show>
        </div>
        <Show when={mayType()}>
          <button
            type="button"
            class="icon-button"
            aria-label="Keyboard"
            data-testid="keyboard"
            onPointerDown={(event) => event.preventDefault()}
            onMouseDown={(event) => event.preventDefault()}
            onClick={toggleKeyboard}
          >
            <KeyboardIcon />
          </button>
          <Show
            when={phase() === 'ended'}
            fallback={
              <button
                type="button"
                class="icon-button"
                aria-label="End session"
                data-testid="end-session"
                disabled={phase() !== 'live'}
                onClick={askToEnd}
              >
                <StopIcon />
              </button>
            }
          >
            <button type="button" class="icon-button" aria-label="Remove session" data-testid="remove-session" onClick={askToRemove}>
              <CloseIcon />
            </button>
          </Show>
        </Show>
      </header>
      <Show when={problem()}>
        {(found) => (
          <p class="notice" role="status" data-testid="emulator-notice">
            Screens cannot be taken over as they are in this browser ({found().code}); output is loaded instead. {found().hint}
          </p>
        )}
      </Show>
      <Show when={open()?.notice()}>
        {(text) => (
          <p class="notice" role="status" data-testid="notice">
            {text()}
          </p>
        )}
      </Show>
      <Show when={open()?.phase() === 'live' && (open()?.isSizedElsewhere() === true || !mayType())}>
        <p class="notice with-action" role="status" data-testid="sized-elsewhere">
          {mayType() ? 'Sized for another device' : 'This device may only look'}
          <Show when={mayType()}>
            <button type="button" class="button" data-testid="take-control" onClick={takeControl}>
              Use this size
            </button>
          </Show>
        </p>
      </Show>
      <TerminalView
        terminal={terminal}
        grid={open()?.grid()}
        isController={open()?.isController() ?? true}
        sessionId={sessionId}
        viewerId={open()?.viewerId}
        state={phase()}
        offset={open()?.parsedOffset() ?? 0}
        holes={open()?.holes() ?? 0}
        bells={open()?.bells() ?? 0}
        onReady={begin}
        onFits={(fits) => open()?.want(fits)}
        onText={(text) => open()?.type(text)}
      />
      <Switch fallback={mayType() && <KeyBar modifiers={modifiers} onKey={pressKey} />}>
        <Match when={open()?.failure()}>{(text) => <EndPanel text={text()} onList={() => router.back()} />}</Match>
        <Match when={open()?.end()}>
          {(end) => (
            <EndPanel
              text={endSentence({ ...end(), exitCode: end().code })}
              onList={() => router.back()}
              onRestart={mayType() ? restart : undefined}
              onRemove={mayType() ? askToRemove : undefined}
            />
          )}
        </Match>
      </Switch>
      <ConfirmDialog question={question()} onClose={() => setQuestion(undefined)} />
    </main>
  );
}

function PhaseWord(props: { readonly session: OpenSession }): JSX.Element {
  const word = (): string => {
    switch (props.session.phase()) {
      case 'connecting':
        return 'Opening…';
      case 'reconnecting':
        return props.session.held() > 0 ? `Reconnecting… ${heldText(props.session.held())}` : 'Reconnecting…';
      case 'failed':
        return 'Not available';
      case 'ended':
        return 'Ended';
      default:
        return 'Live';
    }
  };
  return (
    <p class="phase" data-testid="phase" data-phase={props.session.phase()}>
      {word()}
    </p>
  );
}

function EndPanel(props: {
  readonly text: string;
  readonly onList: () => void;
  readonly onRestart?: (() => void) | undefined;
  readonly onRemove?: (() => void) | undefined;
}): JSX.Element {
  return (
    <div class="end-panel" data-testid="ended">
      <p>{props.text}</p>
      <div class="end-actions">
        <Show when={props.onRemove}>
          {(remove) => (
            <button type="button" class="button" onClick={() => remove()()}>
              Remove
            </button>
          )}
        </Show>
        <button type="button" class="button" classList={{ primary: props.onRestart === undefined }} onClick={() => props.onList()}>
          All sessions
        </button>
        <Show when={props.onRestart}>
          {(restart) => (
            <button type="button" class="button primary" onClick={() => restart()()}>
              Start again
            </button>
          )}
        </Show>
      </div>
    </div>
  );
}

const heldText = (characters: number): string => (characters === 1 ? '1 key waits' : `${characters} keys wait`);
