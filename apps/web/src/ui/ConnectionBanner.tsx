// Owns the line that says that the connection is away, or slow; a tap on it tries at once. Lies over the page: nothing moves when it comes or goes.
import { Show } from 'solid-js';
import type { JSX } from 'solid-js';
import { useConnection } from '../api/connection.ts';

/** "Reconnecting… 12 s", "Slow 1.3 s" */
const TIME = / [\d.]+ s$/;
const timeIn = (text: string): string => TIME.exec(text)?.[0] ?? '';
const withoutTime = (text: string): string => text.replace(TIME, '');

export function ConnectionBanner(): JSX.Element {
  const connection = useConnection();
  return (
    <div class="banner-region" aria-live="polite">
      <Show when={connection.banner()}>
        {(text) => (
          <button type="button" class="banner" data-testid="banner" title="Try now" onClick={() => connection.retryNow()}>
            <span class="banner-dot" aria-hidden="true" />
            {withoutTime(text())}
            {/* Counts up each second: to be seen, not to be read out again and again. */}
            <span aria-hidden="true">{timeIn(text())}</span>
          </button>
        )}
      </Show>
    </div>
  );
}
