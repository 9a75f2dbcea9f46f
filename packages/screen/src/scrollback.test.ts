import { describe, expect, test } from 'vitest';
import { feedRange, makeEmulator } from '../test/support/terminal.ts';
import { allStreams } from '../test/support/streams.ts';
import { dumpScreen } from './dump.ts';
import { encodeState } from './encode.ts';
import { withScrollback } from './scrollback.ts';

/** Enough for every stream to have scrolled, or to have shown that it never does. */
const FED_BYTES = 300_000;

describe('a state with fewer lines is the one a dump with fewer lines gives', () => {
  test.each(allStreams().map((stream) => [stream.name, stream] as const))('%s', (_name, stream) => {
    const emulator = makeEmulator(stream.cols, stream.rows);
    feedRange(emulator, stream, { from: 0, to: Math.min(stream.bytes.length, FED_BYTES), chunking: () => 4096 });
    const dump = (scrollback?: number): ReturnType<typeof dumpScreen> =>
      dumpScreen(emulator.terminal, {
        ...(scrollback === undefined ? {} : { scrollback }),
        tail: emulator.scanner.tail(),
        palette: emulator.palette.entries(),
      });
    for (const lines of [0, 1, 100, 1000]) expect(encodeState(withScrollback(dump(), lines))).toEqual(encodeState(dump(lines)));
  });
});
