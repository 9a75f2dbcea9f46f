// Owns the coded failures of this package. Must not know how they are shown; callers decide by `code`, never by message text.

export type ScreenErrorCode =
  /** The blob was made by another layout or another emulator version. Make it anew from the journal. */
  | 'SCREEN_VERSION'
  /** The blob is damaged, cut short, or was not made by us. */
  | 'SCREEN_CORRUPT'
  /** The blob, or what it would grow into, is over a limit. */
  | 'SCREEN_TOO_LARGE'
  /** The parser stands inside a sequence and the bytes of it were not given (or the other way round). */
  | 'SCREEN_TAIL'
  /** The terminal counts character widths by another Unicode version than the state does. */
  | 'SCREEN_UNICODE'
  /** The terminal is not the xterm.js that this package was written for. */
  | 'SCREEN_EMULATOR';

export class ScreenError extends Error {
  override readonly name = 'ScreenError';
  readonly code: ScreenErrorCode;
  readonly hint: string | undefined;

  constructor(code: ScreenErrorCode, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
