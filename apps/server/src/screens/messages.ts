// Owns the words between the server and its screens process, carried by Node's own channel between parent and child
// (structured clones, so bytes stay bytes). Both ends are always of one build: no version.
import type { MarkEntry } from '@cotg/pty/client';
import type { ScreenFact } from '@cotg/screen';

/** Where in a session's stream a state stands. */
export interface ScreenPosition {
  readonly run: number;
  readonly offset: number;
  readonly mark: MarkEntry['mark'];
}

/** A stored state: everything that is needed to go on from its position, and what a list shows of it. */
export interface Checkpoint extends ScreenPosition {
  readonly sessionId: string;
  readonly cols: number;
  readonly rows: number;
  /** Emulator that made it; another one cannot read it. */
  readonly emulator: string;
  /** Fingerprint of the visible screen. */
  readonly hash: string;
  /** The terminal's own title, cleaned; empty when it has none. */
  readonly title: string;
  /** The last rendered lines that are not blank, colours kept, for the list. */
  readonly preview: readonly string[];
  /** The whole state, deflate-raw. */
  readonly state: Uint8Array;
}

export interface SnapshotReply extends ScreenPosition {
  readonly cols: number;
  readonly rows: number;
  readonly state: Uint8Array;
  /** It has every line above the screen that the emulator has. */
  readonly isWhole: boolean;
  readonly hash: string;
  readonly title: string;
}

export interface RowsReply extends ScreenPosition {
  readonly cols: number;
  readonly rows: number;
  readonly cursor: { readonly x: number; readonly y: number; readonly visible: boolean };
  readonly lines: readonly string[];
  readonly title: string;
  readonly hash: string;
}

export type ToScreens =
  | { readonly type: 'start'; readonly socketPath: string; readonly secret: string; readonly version: string }
  /** What is stored of these sessions: the process reads a state itself when it wakes one. */
  | { readonly type: 'checkpoint'; readonly sessionId: string; readonly checkpoint: Checkpoint | null }
  | {
      readonly type: 'snapshot';
      readonly id: number;
      readonly sessionId: string;
      readonly scrollback: number;
      readonly minOffset: number;
      readonly timeoutMs: number;
    }
  | {
      readonly type: 'rows';
      readonly id: number;
      readonly sessionId: string;
      readonly format: 'text' | 'ansi';
      readonly minOffset: number;
      readonly timeoutMs: number;
    }
  /** The session has output that nothing stored covers. */
  | { readonly type: 'wake'; readonly sessionId: string }
  | { readonly type: 'previews'; readonly on: boolean }
  /** Store everything, then end. */
  | { readonly type: 'retire' };

export type FromScreens =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'need-checkpoint'; readonly sessionId: string }
  | { readonly type: 'store'; readonly checkpoint: Checkpoint }
  | { readonly type: 'snapshot'; readonly id: number; readonly snapshot: SnapshotReply }
  | { readonly type: 'rows'; readonly id: number; readonly screen: RowsReply }
  | { readonly type: 'refused'; readonly id: number; readonly reason: 'unknown-session' | 'behind' | 'failed'; readonly message: string }
  | { readonly type: 'fact'; readonly sessionId: string; readonly fact: ScreenFact }
  | { readonly type: 'preview'; readonly sessionId: string; readonly lines: readonly string[] }
  /** How many emulators live, and what the process weighs; sent when it changes much. */
  | { readonly type: 'load'; readonly live: number; readonly rssBytes: number };
