// Owns what the person's terminal sends: keys for the program, pastes as one piece each, and the keys that are the command's own. Pure.
//
// Ctrl-\ begins a key of ours: d detaches, s takes the size, Ctrl-\ is itself. Anything else goes to the program with it: nothing is lost. Inside a
// bracketed paste there are no such keys: what was copied presses nothing.
// Invariant: every byte that is not part of a key of ours comes out once, in order.
import { PASTE_END, PASTE_START } from '@cotg/api/client';

export type Typed =
  /** A whole paste with its brackets, or bytes in which no paste begins. */
  { readonly kind: 'bytes'; readonly bytes: Uint8Array } | { readonly kind: 'detach' } | { readonly kind: 'take-size' };

/** For --help. */
export const KEYS_TEXT =
  'Ctrl-\\ d leaves it and lets it run on, Ctrl-\\ s gives it the size of this terminal, Ctrl-\\ Ctrl-\\ is Ctrl-\\.';

/** FS, ASCII 28. */
const PREFIX = 0x1c;
const DETACH = 'd'.charCodeAt(0);
const TAKE_SIZE = 's'.charCodeAt(0);
const [START, END] = [Buffer.from(PASTE_START), Buffer.from(PASTE_END)];
/** A longer paste is passed on as it comes (bytes): more than any by hand. */
const MAX_PASTE_BYTES = 1024 * 1024;

export class TypedKeys {
  #isArmed = false;
  /** What has come of a paste that has not ended. */
  #paste: number[] | undefined;
  /** The last bytes, among which a bracket may have begun. */
  #recent: number[] = [];

  take(chunk: Uint8Array): Typed[] {
    const out: Typed[] = [];
    let plain: number[] = [];
    const flush = (): void => {
      if (plain.length > 0) out.push({ kind: 'bytes', bytes: Uint8Array.from(plain) });
      plain = [];
    };
    for (const byte of chunk) {
      this.#recent.push(byte);
      if (this.#recent.length > START.length) this.#recent.shift();
      if (this.#paste) {
        this.#paste.push(byte);
        if (this.#ends(END) || this.#paste.length > MAX_PASTE_BYTES) {
          out.push({ kind: 'bytes', bytes: Uint8Array.from(this.#paste) });
          this.#paste = this.#ends(END) ? undefined : [];
        }
      } else if (this.#isArmed) {
        this.#isArmed = false;
        if (byte === DETACH || byte === TAKE_SIZE) {
          flush();
          out.push({ kind: byte === DETACH ? 'detach' : 'take-size' });
        } else if (byte === PREFIX) plain.push(PREFIX);
        else plain.push(PREFIX, byte);
      } else if (byte === PREFIX) this.#isArmed = true;
      else {
        plain.push(byte);
        // The bracket itself goes with the paste as far as it is still here; its beginning may have gone with the chunk before.
        if (this.#ends(START)) this.#paste = plain.splice(Math.max(0, plain.length - START.length));
        if (this.#paste) flush();
      }
    }
    flush();
    return out;
  }

  #ends(bracket: Uint8Array): boolean {
    return this.#recent.length === bracket.length && bracket.every((byte, at) => this.#recent[at] === byte);
  }
}
