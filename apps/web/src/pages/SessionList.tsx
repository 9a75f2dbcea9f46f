// Owns the home page: all sessions, what state they are in, and starting, ending and removing them.
import type { Session } from '@cotg/api/client';
import { createMemo, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { Accessor, JSX } from 'solid-js';
import { useConnection } from '../api/connection.ts';
import { createSessionList } from '../session/create-session-list.ts';
import { commandLine, folderName, stateWords } from '../session/session-words.ts';
import { DARK_THEME, LIGHT_THEME, paletteOf } from '../terminal/themes.ts';
import type { AnsiPalette } from '../ui/ansi-line.ts';
import { AnsiLines } from '../ui/AnsiLines.tsx';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import type { Question } from '../ui/ConfirmDialog.tsx';
import { CloseIcon, DevicesIcon, PlusIcon, StopIcon } from '../ui/icons.tsx';
import { createMediaQuery } from '../ui/media-query.ts';
import { formatAge } from '../ui/relative-time.ts';
import { useRouter } from '../ui/router.ts';
import { useToasts } from '../ui/toasts.tsx';
import { endQuestion, removeQuestion } from './questions.ts';

/** Ages are shown in units of at least a second; looking oftener changes nothing that anybody reads. */
const AGE_TICK_MS = 5000;
/** The click of a tap may come this long after the finger has left. */
const TAP_SETTLES_MS = 350;

export interface SessionListProps {
  /** Called when the list is on the glass: what comes next can be fetched. */
  readonly onMounted: () => void;
}

export function SessionList(props: SessionListProps): JSX.Element {
  const connection = useConnection();
  const router = useRouter();
  const toasts = useToasts();
  const list = createSessionList(connection.client);
  const [now, setNow] = createSignal(Date.now());
  const [question, setQuestion] = createSignal<Question>();
  const timer = setInterval(() => setNow(Date.now()), AGE_TICK_MS);
  onCleanup(() => clearInterval(timer));
  onMount(() => {
    document.title = 'claude-on-the-go';
    props.onMounted();
  });

  const isHeld = createHold();
  const isLight = createMediaQuery('(prefers-color-scheme: light)');
  const palette = createMemo(() => paletteOf(isLight() ? LIGHT_THEME : DARK_THEME));
  /** Who needs the person comes first, but not from under a finger. */
  const first = createMemo<ReadonlySet<string>>(
    (before) => (isHeld() ? before : new Set(list.sessions.filter(({ attention }) => attention).map(({ id }) => id))),
    new Set(),
  );
  const alive = createMemo(() => {
    const living = list.sessions.filter((session) => session.alive);
    return [...living.filter(({ id }) => first().has(id)), ...living.filter(({ id }) => !first().has(id))];
  });
  const ended = createMemo(() => list.sessions.filter((session) => !session.alive));
  const tell = (error: unknown): void => toasts.show(error instanceof Error ? error.message : 'That did not work.');
  const ask = (session: Session): void => {
    const { client } = connection;
    setQuestion(session.alive ? endQuestion(client, session, tell) : removeQuestion(client, session, tell));
  };
  const cards = (sessions: readonly Session[]): JSX.Element => (
    <For each={sessions}>
      {(session) => (
        <SessionCard
          session={session}
          preview={list.preview(session.id)}
          palette={palette()}
          now={now()}
          mayEnd={connection.mayType()}
          onOpen={() => router.go({ page: 'session', id: session.id })}
          onAsk={() => ask(session)}
        />
      )}
    </For>
  );

  return (
    <main class="page list-page" data-testid="list" data-loaded={list.isLoaded() ? '' : undefined}>
      <header class="bar">
        <h1>Sessions</h1>
        <p class="pill" data-testid="link" data-state={connection.state()}>
          <span class="pill-dot" aria-hidden="true" />
          {connection.state() === 'live' ? location.host : 'not connected'}
        </p>
        <button type="button" class="icon-button" aria-label="Devices" data-testid="devices" onClick={() => router.go({ page: 'devices' })}>
          <DevicesIcon />
        </button>
      </header>
      <div class="list-scroll">
        <Show
          when={list.isLoaded()}
          fallback={
            <ListWaiting
              failure={list.failure()}
              isCut={connection.state() !== 'connecting' && connection.banner() !== undefined}
              onRetry={() => connection.retryNow()}
            />
          }
        >
          <Show when={list.sessions.length > 0} fallback={<EmptyList />}>
            <ul class="cards">{cards(alive())}</ul>
            <Show when={ended().length > 0}>
              <h2 class="section">Ended</h2>
              <ul class="cards">{cards(ended())}</ul>
            </Show>
          </Show>
        </Show>
      </div>
      <Show when={connection.mayType()}>
        <footer class="list-actions">
          <button type="button" class="button primary tall wide" data-testid="new-session" onClick={() => router.go({ page: 'new' })}>
            <PlusIcon />
            New session
          </button>
        </footer>
      </Show>
      <ConfirmDialog question={question()} onClose={() => setQuestion(undefined)} />
    </main>
  );
}

/** Whether a finger is down, or its click may still come. */
function createHold(): Accessor<boolean> {
  const [isHeld, setHeld] = createSignal(false);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ending = new AbortController();
  const hold = (): void => {
    clearTimeout(timer);
    setHeld(true);
  };
  const release = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => setHeld(false), TAP_SETTLES_MS);
  };
  window.addEventListener('pointerdown', hold, { signal: ending.signal });
  window.addEventListener('pointerup', release, { signal: ending.signal });
  window.addEventListener('pointercancel', release, { signal: ending.signal });
  onCleanup(() => {
    clearTimeout(timer);
    ending.abort();
  });
  return isHeld;
}

interface SessionCardProps {
  readonly session: Session;
  readonly preview: readonly string[];
  readonly palette: AnsiPalette;
  readonly now: number;
  readonly mayEnd: boolean;
  readonly onOpen: () => void;
  readonly onAsk: () => void;
}

function SessionCard(props: SessionCardProps): JSX.Element {
  const words = createMemo(() => stateWords(props.session));
  /** The command unless it is the title already, and the folder. */
  const detail = (): string => {
    const { command, cwd, title } = props.session;
    const line = commandLine(command);
    return [...(line === title ? [] : [line]), folderName(cwd)].join(' · ');
  };
  const age = (): string => formatAge(props.now - Date.parse(props.session.endedAt ?? props.session.lastActivityAt));
  return (
    <li
      class="card"
      data-testid="session-card"
      data-session={props.session.id}
      data-state={props.session.state}
      data-attention={props.session.attention ? '' : undefined}
    >
      <button type="button" class="card-main" data-testid="open-session" onClick={() => props.onOpen()}>
        <span class="card-line">
          <span class="card-title">{props.session.title}</span>
          <span class="card-age">{age()}</span>
        </span>
        <span class="card-detail">{detail()}</span>
        {/* Room for two lines from the start: nothing moves when they come. */}
        <Show when={props.session.alive || props.preview.length > 0}>
          <span class="preview" data-testid="preview" aria-hidden="true">
            <AnsiLines lines={props.preview} palette={props.palette} />
          </span>
        </Show>
        <span class={`state ${words().tone}`}>
          <span class="state-glyph" aria-hidden="true">
            {words().glyph}
          </span>
          {words().word}
        </span>
      </button>
      <Show when={props.mayEnd}>
        <button
          type="button"
          class="icon-button card-action"
          aria-label={props.session.alive ? `End “${props.session.title}”` : `Remove “${props.session.title}”`}
          data-testid={props.session.alive ? 'end-session' : 'remove-session'}
          onClick={() => props.onAsk()}
        >
          <Show when={props.session.alive} fallback={<CloseIcon />}>
            <StopIcon />
          </Show>
        </button>
      </Show>
    </li>
  );
}

function EmptyList(): JSX.Element {
  return (
    <div class="empty" data-testid="empty">
      <p class="empty-title">No sessions yet.</p>
      <p class="muted">
        Start Claude or a shell on <strong>{location.host}</strong> and leave it running. It stays alive when you close this app.
      </p>
    </div>
  );
}

/** Before the first list: shapes of cards, and a way out when it does not come. */
function ListWaiting(props: { readonly failure: string | undefined; readonly isCut: boolean; readonly onRetry: () => void }): JSX.Element {
  return (
    <Show
      when={props.failure !== undefined || props.isCut}
      fallback={
        <ul class="cards" aria-busy="true" aria-label="Loading">
          <For each={[0, 1, 2]}>{() => <li class="card skeleton" />}</For>
        </ul>
      }
    >
      <div class="empty" data-testid="list-error">
        <p class="empty-title">Can’t reach {location.host}.</p>
        <p class="muted">{props.failure ?? 'Is the server running, and this device on the same network?'}</p>
        <button type="button" class="button" onClick={() => props.onRetry()}>
          Try again
        </button>
      </div>
    </Show>
  );
}
