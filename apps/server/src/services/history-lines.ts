// Owns history as lines, as a person would have read them: wrapped rows joined, what a program has painted over gone. Output is fed to a
// headless emulator piece by piece; lines that have scrolled off its screen are final and leave at once, so memory stays bounded. Must not
// know formats: a formatter makes lines of a state.
import headless from '@xterm/headless';
import type { IMarker } from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { makeLiveScreen } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';
import type { StreamEntry } from './entries.ts';

/** Fed at a time. A byte can make at most one line, so no more lines than this can scroll off between two looks. */
const FEED_BYTES = 16 * 1024;
/** More than FEED_BYTES plus a screen: a line is never dropped from the emulator before it was read. */
const SCROLLBACK_LINES = FEED_BYTES + 2048;
/** A program that enters and leaves the alternate screen all day must not fill the memory with notes. */
const MAX_NOTES = 1000;

/** Lines of a state, one string each, blank ones at the end too; and how a note about the history itself looks. */
export interface LineFormat {
  readonly lines: (state: ScreenState) => readonly string[];
  readonly note: (text: string) => string;
}

export interface HistoryLines {
  /** Lines that can no longer change. */
  take(entry: StreamEntry): Promise<readonly string[]>;
  /** What is on the screen now, of whichever buffer is in use. */
  screen(): readonly string[];
  /** The rest: what is still on the screen. */
  end(): readonly string[];
}

interface Note {
  marker: IMarker | undefined;
  /** Where the marker belongs, while it cannot be made. */
  readonly line: number;
  readonly text: string;
}

export interface HistoryStart {
  readonly cols: number;
  readonly rows: number;
  /** The terminal as it was there; blank without it. */
  readonly state: ScreenState | null;
}

export async function makeHistoryLines(start: HistoryStart, format: LineFormat): Promise<HistoryLines> {
  const { cols, rows } = start;
  const terminal = new headless.Terminal({ cols, rows, scrollback: SCROLLBACK_LINES, allowProposedApi: true, logLevel: 'off' });
  terminal.loadAddon(new unicode11.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  const screen = makeLiveScreen(terminal);
  /** Stands on the first line that has not left yet. The emulator moves it along when lines are dropped or re-wrapped. */
  let unread: IMarker | undefined;
  let notes: Note[] = [];

  const { normal } = terminal.buffer;
  const isNormal = (): boolean => terminal.buffer.active.type === 'normal';
  // Markers are made relative to the cursor of the buffer in use; the alternate one adds nothing to the history.
  const markAt = (line: number): IMarker | undefined =>
    isNormal() ? terminal.registerMarker(line - (normal.baseY + normal.cursorY)) : undefined;
  // A marker whose line was erased (a program cleared the scrollback) has line -1: what is there now is all unread.
  const firstUnread = (): number => (unread && !unread.isDisposed ? Math.max(0, unread.line) : 0);
  const note = (text: string): void => {
    const line = normal.baseY + normal.cursorY;
    if (notes.length < MAX_NOTES) notes.push({ marker: markAt(line), line, text });
  };

  /** Rows [from, to) of the normal buffer as lines, with the notes that belong between them. */
  const read = (from: number, to: number): string[] => {
    for (const waiting of notes) waiting.marker ??= markAt(waiting.line);
    const lineOf = ({ marker, line }: Note): number => (marker ? (marker.isDisposed || marker.line < 0 ? from : marker.line) : line);
    const isHere = (each: Note): boolean => lineOf(each) < to || to >= normal.length;
    const cuts = notes.filter(isHere).map((each) => ({ ...each, line: lineOf(each) }));
    notes = notes.filter((each) => !isHere(each));
    const out: string[] = [];
    let at = from;
    // The whole state of what is needed: a dump of so many lines above the screen.
    const state = screen.dump({ scrollback: Math.max(0, normal.baseY - from) });
    const first = Math.max(0, normal.baseY - state.normal.base);
    const push = (end: number): void => {
      if (end <= at) return;
      const lines = state.normal.lines.slice(at - first, end - first);
      out.push(...format.lines({ ...state, active: 'normal', normal: { ...state.normal, lines, base: 0 } }));
      at = end;
    };
    for (const { line, text, marker } of cuts) {
      push(Math.min(Math.max(line, at), to));
      out.push(format.note(text));
      marker?.dispose();
    }
    push(to);
    return out;
  };

  /** Whole lines above the screen. A line that goes on into the screen stays until its end is there. */
  const takeScrolled = (): string[] => {
    if (!isNormal()) return [];
    const from = firstUnread();
    let to = normal.baseY;
    while (to > from && normal.getLine(to)?.isWrapped) to -= 1;
    if (to <= from) return [];
    const lines = read(from, to);
    unread?.dispose();
    unread = markAt(to);
    return lines;
  };

  /** Everything that is there: nothing of it will change any more. */
  const takeAll = (): string[] => {
    const from = firstUnread();
    const lines = read(from, normal.length);
    while (lines.at(-1) === '') lines.pop();
    return lines;
  };

  terminal.buffer.onBufferChange((buffer) => {
    // Told when the program is about to draw: the line on which it was started is still the cursor's.
    if (buffer.type === 'alternate') note('a full-screen program drew here');
  });

  if (start.state) {
    const { state } = start;
    await new Promise<void>((resolve, reject) => {
      screen.restore(state, { offset: 0, done: resolve, failed: reject });
    });
    // What had scrolled off before is not part of what is kept.
    unread = markAt(normal.baseY);
  }

  return {
    async take(entry) {
      if (entry.kind === 'mark') {
        const mark = entry.entry;
        switch (mark.kind) {
          case 'resize':
            await new Promise<void>((resolve) => {
              screen.resize(mark.cols, mark.rows, resolve);
            });
            return [];
          case 'gap':
            if (mark.lostBytes > 0) note(`${mark.lostBytes} bytes of output are missing here`);
            return [];
          case 'seam': {
            const lines = takeAll();
            unread?.dispose();
            unread = undefined;
            await new Promise<void>((resolve) => {
              screen.reset(terminal.cols, terminal.rows, { done: resolve });
            });
            return [...lines, format.note(`run ${mark.run}: ${mark.note}`)];
          }
          case 'time':
          case 'exit':
            return [];
        }
      }
      const lines: string[] = [];
      for (let at = 0; at < entry.bytes.length; at += FEED_BYTES) {
        await new Promise<void>((resolve) => {
          screen.write(entry.bytes.subarray(at, at + FEED_BYTES), resolve);
        });
        lines.push(...takeScrolled());
      }
      return lines;
    },
    screen: () => format.lines(screen.dump({ scrollback: 0 })),
    end() {
      const lines = takeAll();
      screen.dispose();
      terminal.dispose();
      return lines;
    },
  };
}
