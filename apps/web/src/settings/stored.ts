// Owns what this page keeps between visits: the session it had open, and when each session was last seen on this device.
// Validated on read: another version of this page, or a hand, may have written it. Never holds terminal content.

const SESSION_KEY = 'cotg.session';
const SEEN_KEY = 'cotg.seen';
/** As many as a server has sessions by default; the longest unseen are forgotten first. */
const MAX_SEEN = 200;
const SESSION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** `at`: milliseconds of the wall clock. `offset`: one past the last byte of output that this device had. */
export interface Seen {
  readonly at: number;
  readonly offset: number;
}

export interface Stored {
  /** The session that was open when the page was left. */
  openSession(): string | undefined;
  setOpenSession(id: string | undefined): void;
  seen(id: string): Seen | undefined;
  setSeen(id: string, seen: Seen): void;
  forget(id: string): void;
  /** All of it: this device is let in no longer. */
  clear(): void;
}

/** Without storage (blocked by the browser, or full) nothing is remembered and everything else works. */
export function makeStored(storage: Storage | undefined): Stored {
  const read = (key: string): string | null => {
    try {
      return storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  };
  const write = (key: string, value: string | undefined): void => {
    try {
      if (value === undefined) storage?.removeItem(key);
      else storage?.setItem(key, value);
    } catch {
      // Full or blocked: this visit is not remembered, which costs a line of text at the next one.
    }
  };
  const readSeen = (): Map<string, Seen> => new Map(parseSeen(read(SEEN_KEY)));
  const writeSeen = (seen: Map<string, Seen>): void => {
    const newest = [...seen].sort(([, a], [, b]) => b.at - a.at).slice(0, MAX_SEEN);
    write(SEEN_KEY, JSON.stringify(Object.fromEntries(newest)));
  };
  const openSession = (): string | undefined => {
    const id = read(SESSION_KEY);
    return id !== null && SESSION_ID.test(id) ? id : undefined;
  };

  return {
    openSession,
    setOpenSession: (id) => write(SESSION_KEY, id),
    seen: (id) => readSeen().get(id),
    setSeen: (id, seen) => writeSeen(readSeen().set(id, seen)),
    forget: (id) => {
      const seen = readSeen();
      if (seen.delete(id)) writeSeen(seen);
      if (openSession() === id) write(SESSION_KEY, undefined);
    },
    clear: () => {
      for (const key of [SESSION_KEY, SEEN_KEY]) write(key, undefined);
    },
  };
}

function parseSeen(text: string | null): readonly (readonly [string, Seen])[] {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '{}');
  } catch {
    return [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).filter((entry): entry is [string, Seen] => SESSION_ID.test(entry[0]) && isSeen(entry[1]));
}

function isSeen(value: unknown): value is Seen {
  if (typeof value !== 'object' || value === null || !('at' in value) || !('offset' in value)) return false;
  return Number.isFinite(value.at) && Number.isSafeInteger(value.offset);
}
