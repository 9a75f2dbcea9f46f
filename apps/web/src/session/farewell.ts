// Owns what a page tells the one that follows it in the same tab when it is loaded again. Validated on read, and read once.
// Must not know the session's content: what was typed may be a password.

const KEY = 'cotg.farewell';
/** A page that is loaded again is there by then (ms); later somebody else may have chosen a size, and nobody thinks of those keys. */
const MAX_AGE_MS = 30_000;
const VIEWER_ID = /^[0-9a-f]{32}$/;

export interface Farewell {
  readonly sessionId: string;
  /** The page's viewer id when it set the size. */
  readonly sized: string | null;
  /** Characters whose fate was open. */
  readonly untyped: number;
  /** A paste was under way: its end may never have been typed. */
  readonly isPasteOpen: boolean;
}

/** `storage` of the tab. Without one, or where it is blocked, nothing is told. */
export function sayFarewell(storage: Storage | undefined, farewell: Farewell, now: number = Date.now()): void {
  try {
    storage?.setItem(KEY, JSON.stringify({ ...farewell, at: now }));
  } catch {
    // Blocked or full: the next page is one that knows of no other.
  }
}

export function takeFarewell(storage: Storage | undefined, sessionId: string, now: number = Date.now()): Farewell | undefined {
  try {
    const text = storage?.getItem(KEY);
    storage?.removeItem(KEY);
    const value: unknown = JSON.parse(text ?? 'null');
    if (typeof value !== 'object' || value === null) return undefined;
    const { at, ...told } = { at: 0, sessionId: '', sized: null, untyped: 0, isPasteOpen: false, ...value };
    const isSound =
      VIEWER_ID.test(told.sized ?? '0'.repeat(32)) &&
      Number.isSafeInteger(told.untyped) &&
      told.untyped >= 0 &&
      typeof told.isPasteOpen === 'boolean';
    return isSound && told.sessionId === sessionId && Math.abs(now - at) < MAX_AGE_MS ? told : undefined;
  } catch {
    return undefined;
  }
}
