// Owns history as text: what a person would have read, wrapped lines joined. Output is fed to a headless emulator piece by
// piece; lines that have scrolled off its screen are final and leave at once, so memory stays bounded.
import headless from '@xterm/headless';
import type { IMarker } from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { Utf8Feeder, mendPrint, resizeScreen } from '@cotg/screen';
import type { StreamEntry } from './entries.ts';

/** Fed at a time. A byte can make at most one line, so no more lines than this can scroll off between two looks. */
const FEED_BYTES = 16 * 1024;
/** More than FEED_BYTES plus a screen: a line is never dropped from the emulator before it was read. */
const SCROLLBACK_LINES = FEED_BYTES + 2048;
const DEFAULT_COLS = 80;
const DEFAULT_ROWS = 24;

/** What turns a stream into text. */
export interface HistoryText {
  /** Lines that can no longer change, each ended by a newline. */
  take(entry: StreamEntry): Promise<string>;
  /** The rest: what is still on the screen. */
  end(): string;
}

export function makeHistoryText(size: { cols: number; rows: number } = { cols: DEFAULT_COLS, rows: DEFAULT_ROWS }): HistoryText {
  const terminal = new headless.Terminal({ ...size, scrollback: SCROLLBACK_LINES, allowProposedApi: true });
  terminal.loadAddon(new unicode11.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  mendPrint(terminal);
  const feeder = new Utf8Feeder();
  /** Stands on the first line that has not left yet. The emulator moves it along when lines are dropped or re-wrapped. */
  let unread: IMarker | undefined;

  // A marker whose line was erased (a program cleared the scrollback) has line -1: what is there now is all unread.
  const firstUnread = (): number => (unread && !unread.isDisposed ? unread.line : 0);

  const lines = (from: number, to: number): string => {
    let text = '';
    for (let at = from; at < to; at += 1) {
      const line = terminal.buffer.normal.getLine(at);
      if (!line) break;
      const continues = terminal.buffer.normal.getLine(at + 1)?.isWrapped ?? false;
      text += continues ? line.translateToString(false) : `${line.translateToString(true)}\n`;
    }
    return text;
  };

  /** Whole lines above the screen. A line that goes on into the screen stays until its end is there. */
  const takeScrolled = (): string => {
    const { normal, active } = terminal.buffer;
    // Markers are made relative to the cursor of the buffer in use; the alternate one adds nothing to the history.
    if (active.type !== 'normal') return '';
    const from = firstUnread();
    let to = normal.baseY;
    while (to > from && normal.getLine(to)?.isWrapped) to -= 1;
    if (to <= from) return '';
    const text = lines(from, to);
    unread?.dispose();
    unread = terminal.registerMarker(to - (normal.baseY + normal.cursorY));
    return text;
  };

  return {
    async take(entry) {
      if (entry.kind === 'mark') {
        const mark = entry.entry;
        if (mark.kind === 'resize') resizeScreen(terminal, mark.cols, mark.rows);
        else if (mark.kind === 'seam') return await this.take({ kind: 'output', offset: mark.offset, bytes: RESET_AFTER_SEAM });
        else if (mark.kind === 'gap') return `[${mark.lostBytes} bytes of output could not be stored here]\n`;
        return '';
      }
      let text = '';
      for (let at = 0; at < entry.bytes.length; at += FEED_BYTES) {
        for (const part of feeder.take(entry.bytes.subarray(at, at + FEED_BYTES))) {
          await new Promise<void>((resolve) => terminal.write(part, resolve));
        }
        text += takeScrolled();
      }
      return text;
    },
    end() {
      const { normal } = terminal.buffer;
      const text = lines(firstUnread(), normal.length).replace(/\n+$/, '\n');
      terminal.dispose();
      return text === '\n' ? '' : text;
    },
  };
}

/** Leave the alternate screen, reset attributes and margins, start a fresh line: a new program begins. */
const RESET_AFTER_SEAM = new TextEncoder().encode('\u001b[?1049l\u001b[!p\r\n');
