// Entry @cotg/screen: the state of an emulator, out of and into xterm.js, and what can be made of it. Names no terminal of its own: callers
// hand in theirs (@xterm/headless on the server, @xterm/xterm in a page).
export { screenAnsi } from './ansi.ts';
export { boundOutput } from './bounds.ts';
export { decodeState } from './decode.ts';
export { dumpScreen } from './dump.ts';
export type { DumpOptions } from './dump.ts';
export { encodeState, MAX_STATE_BYTES, STATE_LAYOUT } from './encode.ts';
export { ScreenError } from './errors.ts';
export type { ScreenErrorCode } from './errors.ts';
export { watchFacts } from './facts.ts';
export type { FactsOptions, FactsWatch, ScreenFact } from './facts.ts';
export { hashScreen } from './hash.ts';
export { DEFAULT_THEME, screenHtml, screenHtmlLines } from './html.ts';
export type { HtmlTheme } from './html.ts';
export { makeLiveScreen } from './live-screen.ts';
export type { LiveScreen } from './live-screen.ts';
export { enterPaint, leavePaint, paintModes, paintRows } from './paint.ts';
export type { PaintModes, PaintView } from './paint.ts';
export { watchPalette } from './palette.ts';
export type { PaletteWatch } from './palette.ts';
export { MAX_PLAIN_CHARS, plainLine } from './plain.ts';
export { mendPrint } from './print-mend.ts';
export { QUERIES, swallowQueries } from './queries.ts';
export type { Query } from './queries.ts';
export { answerQueries, isFixedReply } from './replies.ts';
export type { AnswerOptions } from './replies.ts';
export { resizeScreen } from './resize.ts';
export { resetScreen, restoreScreen } from './restore.ts';
export type { RestoreOptions } from './restore.ts';
export type { RowsOptions } from './rows.ts';
export { withScrollback } from './scrollback.ts';
export { selfTest } from './self-test.ts';
export type { ScreenProblem, ScreenProblemCode, SelfTestOptions } from './self-test.ts';
export {
  BACKGROUND_COLOR,
  CURSOR_COLOR,
  EMULATOR_VERSION,
  FOREGROUND_COLOR,
  MAX_COLS,
  MAX_ROWS,
  MAX_TAIL_BYTES,
  MIN_COLS,
} from './state.ts';
export type { BufferState, LineState, ModeState, PaletteEntry, Rgb, ScreenState, Tail, TitleState } from './state.ts';
export { TailScanner } from './tail-scanner.ts';
export { screenText } from './text.ts';
export { Utf8Feeder } from './utf8-feeder.ts';
export type { Disposable, ScreenTerminal } from './xterm-internals.ts';
