// Owns the moments at which a page must doubt its connection: phones freeze pages with their sockets, and a socket that
// was frozen may say for minutes that it is open. Must not know sessions.

/** How often the clock is looked at … */
const TICK_MS = 2000;
/** … and how late a look must be for the page to have slept. */
const SLEPT_MS = 5000;

export interface ResumeTriggers {
  /** The connection is certainly of yesterday: make a new one. */
  readonly onStale: (reason: string) => void;
  /** It may be: ask the server. */
  readonly onDoubt: (reason: string) => void;
}

/** Watches until the returned function is called. */
export function watchResume({ onStale, onDoubt }: ResumeTriggers, now: () => number = Date.now): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  let lookedAt = now();
  let hasSlept = false;

  const look = (): void => {
    const late = now() - lookedAt - TICK_MS;
    lookedAt = now();
    // Hidden pages have slow timers: only what is seen matters, and it is asked about when it is shown.
    if (late > SLEPT_MS) hasSlept = true;
    if (hasSlept && document.visibilityState === 'visible') {
      hasSlept = false;
      onStale('the page slept');
    }
  };
  const timer = setInterval(look, TICK_MS);

  document.addEventListener(
    'visibilitychange',
    () => {
      if (document.visibilityState !== 'visible') return;
      look();
      onDoubt('the page is shown again');
    },
    { signal },
  );
  window.addEventListener(
    'pageshow',
    (event) => {
      if (event.persisted) onStale('the page was kept in memory');
    },
    { signal },
  );
  window.addEventListener('online', () => onStale('the network is back'), { signal });

  return () => {
    clearInterval(timer);
    ending.abort();
  };
}
