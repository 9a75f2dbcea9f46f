// Owns the home page: all sessions, what state they are in, and starting, ending and removing them.
import type { Session } from '@cotg/api/client';
import { createMemo, createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { JSX } from 'solid-js';
import { useConnection } from '../api/connection.ts';
import { createSessionList } from '../session/create-session-list.ts';
import { commandLine, folderName, stateWords } from '../session/session-words.ts';
import { ConfirmDialog } from '../ui/ConfirmDialog.tsx';
import type { Question } from '../ui/ConfirmDialog.tsx';
import { CloseIcon, PlusIcon, StopIcon } from '../ui/icons.tsx';
import { formatAge } from '../ui/relative-time.ts';
import { useRouter } from '../ui/router.ts';
import { useToasts } from '../ui/toasts.tsx';
import { endQuestion, removeQuestion } from './questions.ts';

/** Ages are shown in units of at least a second; looking oftener changes nothing that anybody reads. */
const AGE_TICK_MS = 5000;

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

  const alive = createMemo(() => list.sessions.filter((session) => session.alive));
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
          now={now()}
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
      <footer class="list-actions">
        <button type="button" class="button primary tall wide" data-testid="new-session" onClick={() => router.go({ page: 'new' })}>
          <PlusIcon />
          New session
        </button>
      </footer>
      <ConfirmDialog question={question()} onClose={() => setQuestion(undefined)} />
    </main>
  );
}

interface SessionCardProps {
  readonly session: Session;
  readonly now: number;
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
    <li class="card" data-testid="session-card" data-session={props.session.id} data-state={props.session.state}>
      <button type="button" class="card-main" data-testid="open-session" onClick={() => props.onOpen()}>
        <span class="card-line">
          <span class="card-title">{props.session.title}</span>
          <span class="card-age">{age()}</span>
        </span>
        <span class="card-detail">{detail()}</span>
        <span class={`state ${words().tone}`}>
          <span class="state-glyph" aria-hidden="true">
            {words().glyph}
          </span>
          {words().word}
        </span>
      </button>
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
