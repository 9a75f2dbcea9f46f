// Owns `/new`: what to start and where. Both fields may stay empty: the server has a default command and a home folder.
import { errorCodeOf } from '@cotg/api/client';
import { createSignal, Show } from 'solid-js';
import type { JSX } from 'solid-js';
import { useConnection } from '../api/connection.ts';
import { commandWords } from '../session/command-words.ts';
import { estimateGrid } from '../terminal/font.ts';
import { BackIcon } from '../ui/icons.tsx';
import { useRouter } from '../ui/router.ts';

interface Failure {
  readonly field: 'command' | 'folder' | 'form';
  readonly text: string;
}

function failureOf(error: unknown): Failure {
  const text = error instanceof Error ? error.message : 'The session could not be started.';
  switch (errorCodeOf(error)) {
    case 'COMMAND_NOT_FOUND':
      return { field: 'command', text };
    case 'CWD_NOT_FOUND':
      return { field: 'folder', text };
    case undefined:
      return { field: 'form', text: 'The connection broke. Look at the list: the session may have been started.' };
    default:
      return { field: 'form', text };
  }
}

export function NewSession(): JSX.Element {
  const { client, state } = useConnection();
  const router = useRouter();
  const [command, setCommand] = createSignal('');
  const [folder, setFolder] = createSignal('');
  const [isBusy, setBusy] = createSignal(false);
  const [failure, setFailure] = createSignal<Failure>();
  const failureAt = (field: Failure['field']): string | undefined => {
    const current = failure();
    return current?.field === field ? current.text : undefined;
  };

  const start = async (): Promise<void> => {
    const split = commandWords(command());
    if (split.kind === 'unclosed-quote') {
      setFailure({ field: 'command', text: 'A quotation mark is not closed.' });
      return;
    }
    const cwd = folder().trim();
    setBusy(true);
    setFailure(undefined);
    try {
      const session = await client.api.session.create.mutate({
        ...estimateGrid(),
        ...(split.words.length === 0 ? {} : { command: [...split.words] }),
        ...(cwd === '' ? {} : { cwd }),
      });
      router.go({ page: 'session', id: session.id }, { replace: true });
    } catch (error) {
      setFailure(failureOf(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main class="page">
      <header class="bar">
        <button type="button" class="icon-button" aria-label="Back" data-testid="back" onClick={() => router.back()}>
          <BackIcon />
        </button>
        <h1>New session</h1>
      </header>
      <form
        class="stack padded"
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy()) void start();
        }}
      >
        <label class="field">
          <span>Command</span>
          <input
            type="text"
            name="command"
            placeholder="The usual one"
            autocapitalize="off"
            autocomplete="off"
            autocorrect="off"
            spellcheck={false}
            data-testid="command"
            value={command()}
            onInput={(event) => setCommand(event.currentTarget.value)}
          />
          <FieldFailure text={failureAt('command')} />
        </label>
        <label class="field">
          <span>Folder</span>
          <input
            type="text"
            name="folder"
            placeholder="Your home folder"
            autocapitalize="off"
            autocomplete="off"
            autocorrect="off"
            spellcheck={false}
            data-testid="folder"
            value={folder()}
            onInput={(event) => setFolder(event.currentTarget.value)}
          />
          <FieldFailure text={failureAt('folder')} />
        </label>
        <FieldFailure text={failureAt('form')} />
        <button type="submit" class="button primary wide" data-testid="start" disabled={isBusy() || state() !== 'live'}>
          {isBusy() ? 'Starting…' : 'Start'}
        </button>
        <p class="hint">It keeps running when you close this app.</p>
      </form>
    </main>
  );
}

function FieldFailure(props: { readonly text: string | undefined }): JSX.Element {
  return (
    <Show when={props.text}>
      {(text) => (
        <p class="error-text" role="alert" data-testid="form-error">
          {text()}
        </p>
      )}
    </Show>
  );
}
