// Owns short words to the person that go away by themselves. One live region, so that they are read out too.
import { createContext, createSignal, onCleanup, Show, useContext } from 'solid-js';
import type { JSX } from 'solid-js';

/** How long a word stays (ms). */
export const TOAST_MS = 4000;

export interface Toasts {
  /** Replaces what is shown. */
  show(text: string): void;
  hide(): void;
}

const ToastContext = createContext<Toasts>();

export function useToasts(): Toasts {
  const toasts = useContext(ToastContext);
  if (!toasts) throw new Error('No toasts are provided here.');
  return toasts;
}

export function ToastProvider(props: { readonly children: JSX.Element }): JSX.Element {
  const [text, setText] = createSignal<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hide = (): void => {
    clearTimeout(timer);
    setText(undefined);
  };
  const toasts: Toasts = {
    show: (next) => {
      hide();
      setText(next);
      timer = setTimeout(hide, TOAST_MS);
    },
    hide,
  };
  onCleanup(hide);
  return (
    <ToastContext.Provider value={toasts}>
      {props.children}
      <div class="toast-region" role="status" aria-live="polite">
        <Show when={text()}>
          {(shown) => (
            <p class="toast" data-testid="toast">
              {shown()}
            </p>
          )}
        </Show>
      </div>
    </ToastContext.Provider>
  );
}
