import { describe, expect, test } from 'vitest';
import { compareTerminals } from '../test/compare.ts';
import { makeRandom } from '../test/support/random.ts';
import { SYNTHETIC } from '../test/support/synthetic.ts';
import { feedRange, makeEmulator, makeTerminal } from '../test/support/terminal.ts';
import { decodeState } from './decode.ts';
import { encodeState } from './encode.ts';
import { hashScreen } from './hash.ts';
import { makeLiveScreen } from './live-screen.ts';
import type { LiveScreen } from './live-screen.ts';
import { screenText } from './text.ts';

const settled = (live: LiveScreen): Promise<void> => new Promise((done) => live.write(new Uint8Array(0), done));
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('an emulator that is fed, resized, taken and replaced', () => {
  test('is always at its offset: a state taken at any moment goes on from there (seed 12)', async () => {
    const { bytes, cols, rows, resizes } = SYNTHETIC;
    const random = makeRandom(12);
    const live = makeLiveScreen(makeTerminal(cols, rows, 100));
    const taken: { readonly offset: number; readonly blob: Uint8Array }[] = [];
    const take = (): unknown => taken.push({ offset: live.offset, blob: encodeState(live.dump()) });
    let at = 0;
    const feedTo = (end: number): void => {
      while (at < end) {
        const next = Math.min(end, at + 1 + random.below(3000));
        live.write(bytes.subarray(at, next), random.below(4) === 0 ? take : undefined);
        at = next;
      }
    };
    for (const resize of resizes) {
      feedTo(resize.offset);
      live.resize(resize.cols, resize.rows);
      // While the queue is full: the state is that of what was parsed, whatever was taken in.
      take();
      if (random.below(5) === 0) await settled(live);
    }
    feedTo(bytes.length);
    await settled(live);
    expect(live.offset).toBe(bytes.length);
    expect(taken.length).toBeGreaterThan(20);

    const uncut = makeEmulator(cols, rows, 100);
    let reached = 0;
    for (const { offset, blob } of taken) {
      // One that was taken at a resize's own offset may be from before it: those are checked by test/fidelity.
      if (resizes.some((resize) => resize.offset === offset)) continue;
      feedRange(uncut, SYNTHETIC, { from: reached, to: offset, chunking: () => 4095 });
      reached = offset;
      const restored = makeTerminal(cols, rows, 100);
      const again = makeLiveScreen(restored);
      again.restore(decodeState(blob), { offset });
      await settled(again);
      expect(again.offset).toBe(offset);
      expect(compareTerminals(restored, uncut.terminal)).toEqual([]);
    }
  });

  test('what was written before a restore is parsed before it, what is written after it after it', async () => {
    const source = makeLiveScreen(makeTerminal(20, 4));
    source.write(bytesOf('restored\u001b[31'));
    await settled(source);
    const state = source.dump();
    const terminal = makeTerminal(30, 8);
    const live = makeLiveScreen(terminal, { offset: 5 });
    const order: string[] = [];
    live.write(bytesOf('before'), () => order.push(`before ${live.offset}`));
    live.restore(state, { offset: 100, done: () => order.push(`restored ${live.offset}`) });
    live.write(bytesOf('mafter'), () => order.push(`after ${live.offset}`));
    await settled(live);
    expect(order).toEqual(['before 11', 'restored 100', 'after 106']);
    expect(screenText(live.dump())).toEqual(['restoredafter']);
    expect(terminal.buffer.active.getLine(0)?.getCell(8)?.getFgColor()).toBe(1);
  });

  test('the beginning of a character that a state ends with is gone on from, and that of another stream is forgotten', async () => {
    const source = makeLiveScreen(makeTerminal(20, 4));
    source.write(Uint8Array.of(0x61, 0xe2, 0x80));
    await settled(source);
    expect(source.offset).toBe(3);
    const live = makeLiveScreen(makeTerminal(20, 4));
    live.write(Uint8Array.of(0xf0, 0x9f));
    live.restore(source.dump(), { offset: 3 });
    live.write(Uint8Array.of(0x9c, 0x62));
    await settled(live);
    expect(screenText(live.dump())).toEqual(['a“b']);
    expect(live.offset).toBe(5);
  });

  test('a write far longer than the emulator parses at once loses nothing', async () => {
    const terminal = makeTerminal(100, 10, 5000);
    const live = makeLiveScreen(terminal);
    const line = `${'“—”'.repeat(30)}\r\n`;
    live.write(bytesOf(line.repeat(2000)));
    await settled(live);
    const lines = screenText(live.dump(), { scrollback: Number.POSITIVE_INFINITY });
    expect(lines).toHaveLength(2000);
    expect(lines.every((one) => one === line.trimEnd())).toBe(true);
  });

  test('a reset is a new terminal, in the middle of anything', async () => {
    const terminal = makeTerminal(80, 24);
    const live = makeLiveScreen(terminal);
    live.write(bytesOf('old\u001b[?1049h\u001b[5;10r\u001b[?6h\u001b]0;half a title'));
    live.reset(40, 10);
    live.write(bytesOf('new'));
    await settled(live);
    const fresh = makeEmulator(40, 10);
    feedRange(fresh, { name: '', cols: 40, rows: 10, bytes: bytesOf('new'), resizes: [] }, { from: 0, to: 3, chunking: () => 3 });
    expect(compareTerminals(terminal, fresh.terminal)).toEqual([]);
    expect(hashScreen(terminal)).toBe(hashScreen(fresh.terminal));
  });

  test('a state that cannot be restored fails, and the screen stays', async () => {
    const live = makeLiveScreen(makeTerminal(40, 10));
    live.write(bytesOf('kept'));
    await settled(live);
    const failures: unknown[] = [];
    live.restore({ ...live.dump(), unicode: '15' }, { offset: 77, failed: (error) => failures.push(error) });
    await settled(live);
    expect(failures).toMatchObject([{ code: 'SCREEN_UNICODE' }]);
    expect(live.offset).toBe(4);
    expect(screenText(live.dump())).toEqual(['kept']);
  });

  test('colours that a program has set are in its state', async () => {
    const live = makeLiveScreen(makeTerminal(40, 10));
    live.write(bytesOf('\u001b]4;3;rgb:12/34/56\u0007\u001b]10;#abcdef\u0007\u001b]4;5;#111111\u0007\u001b]104;5\u0007'));
    await settled(live);
    expect(live.dump().palette).toEqual([
      { index: 3, rgb: [0x12, 0x34, 0x56] },
      { index: 256, rgb: [0xab, 0xcd, 0xef] },
    ]);
    const other = makeLiveScreen(makeTerminal(40, 10));
    other.write(bytesOf('\u001b]4;9;#222222\u0007\u001b]12;#333333\u0007'));
    other.restore(live.dump(), { offset: 0 });
    await settled(other);
    expect(other.dump().palette).toEqual(live.dump().palette);
  });
});
