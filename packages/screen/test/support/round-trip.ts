// Owns the question of this package, asked for one cut of one stream: is a terminal that was restored there the same as the one that was not
// cut, at once and after more output?
import { decodeState } from '../../src/decode.ts';
import { dumpScreen } from '../../src/dump.ts';
import { encodeState } from '../../src/encode.ts';
import { restoreScreen } from '../../src/restore.ts';
import type { ScreenState } from '../../src/state.ts';
import { compareTerminals } from '../compare.ts';
import type { Random } from './random.ts';
import type { Stream } from './stream.ts';
import { feed, feedRange, makeEmulator } from './terminal.ts';
import type { Chunking, Emulator } from './terminal.ts';

/** Fed after a restore, at most. */
const REST_BYTES = 100 * 1024;
/** Restored terminals that wait for the uncut one to get where they are: each holds a thousand lines. */
const GROUP = 20;
/** What a PTY gives at a time. */
const PTY_CHUNK_BYTES = 4095;

export interface Failure {
  readonly stream: string;
  readonly cut: number;
  readonly when: string;
  readonly differences: readonly string[];
}

export interface Outcome {
  readonly cuts: number;
  readonly comparisons: number;
  readonly failures: readonly Failure[];
}

export interface RoundTripOptions {
  readonly cuts: number;
  readonly random: Random;
  /** Told of each state that was made, with the time it took (ms). */
  readonly measured?: (
    stream: Stream,
    blob: Uint8Array,
    state: ScreenState,
    times: { readonly dump: number; readonly restore: number },
  ) => void;
}

/** By chance, and around each resize: before it, after it, and a byte to either side. */
export function chooseCuts(stream: Stream, count: number, random: Random): readonly number[] {
  const cuts = new Set<number>();
  const around = stream.resizes.flatMap(({ offset }) => [offset - 1, offset, offset + 1]);
  // At most half, so that the rest of a stream with many resizes is seen too.
  while (cuts.size < Math.min(around.length, Math.floor(count / 2))) cuts.add(clamp(random.pick(around), stream.bytes.length));
  for (let tries = 0; cuts.size < count && tries < count * 10; tries += 1) cuts.add(random.below(stream.bytes.length + 1));
  return [...cuts].sort((a, b) => a - b);
}

function clamp(offset: number, length: number): number {
  return Math.max(0, Math.min(length, offset));
}

export function roundTrips(stream: Stream, { cuts: count, random, measured }: RoundTripOptions): Outcome {
  const cuts = chooseCuts(stream, count, random);
  const failures: Failure[] = [];
  let comparisons = 0;
  for (let start = 0; start < cuts.length; start += GROUP) {
    const group = cuts.slice(start, start + GROUP);
    comparisons += roundTripGroup(stream, group, { random, failures, measured });
  }
  return { cuts: cuts.length, comparisons, failures };
}

interface GroupContext {
  readonly random: Random;
  readonly failures: Failure[];
  readonly measured: RoundTripOptions['measured'] | undefined;
}

interface Waiting {
  readonly cut: number;
  readonly end: number;
  readonly when: string;
  readonly restored: Emulator;
}

/** One uncut terminal, and what is restored along its way. */
function roundTripGroup(stream: Stream, cuts: readonly number[], { random, failures, measured }: GroupContext): number {
  const uncut = makeEmulator(stream.cols, stream.rows);
  const like: Chunking = () => PTY_CHUNK_BYTES;
  let at = 0;
  let comparisons = 0;
  let waiting: Waiting[] = [];
  const advance = (to: number): void => {
    feedRange(uncut, stream, { from: at, to, chunking: like });
    at = to;
  };
  const compare = (cut: number, when: string, restored: Emulator): void => {
    comparisons += 1;
    const differences = compareTerminals(restored.terminal, uncut.terminal);
    if (restored.colors() !== uncut.colors()) differences.push(`colors: ${restored.colors()} is not ${uncut.colors()}`);
    if (differences.length > 0) failures.push({ stream: stream.name, cut, when, differences });
  };
  const settle = (upTo: number): void => {
    for (const { cut, end, when, restored } of waiting.filter((one) => one.end <= upTo).sort((a, b) => a.end - b.end)) {
      advance(Math.max(at, end));
      compare(cut, when, restored);
    }
    waiting = waiting.filter((one) => one.end > upTo);
  };

  for (const cut of cuts) {
    settle(cut);
    advance(cut);
    const started = performance.now();
    const dumped = dumpScreen(uncut.terminal, { tail: uncut.scanner.tail(), palette: uncut.palette.entries() });
    const blob = encodeState(dumped);
    const encoded = performance.now();
    const restored = makeEmulator(stream.cols, stream.rows);
    const ready = performance.now();
    const state = decodeState(blob);
    restore(restored, state);
    measured?.(stream, blob, state, { dump: encoded - started, restore: performance.now() - ready });
    compare(cut, 'at once', restored);

    const end = Math.min(stream.bytes.length, cut + 1 + random.below(REST_BYTES));
    feedRange(restored, stream, { from: cut, to: end, chunking: like });
    waiting.push({ cut, end, when: `after ${end - cut} bytes in the same chunks`, restored });

    // Into a terminal that has been used for something else, and in chunks of any size, down to one byte.
    const reused = makeUsed(random);
    restore(reused, state);
    compare(cut, 'at once, into a used terminal', reused);
    const chunking = random.pick<Chunking>([() => 1, () => 1 + random.below(7), () => 1 + random.below(5000)]);
    // One byte at a time takes long: less of it.
    const otherEnd = Math.min(end, cut + 1 + random.below(random.pick([2000, REST_BYTES])));
    feedRange(reused, stream, { from: cut, to: otherEnd, chunking });
    waiting.push({ cut, end: otherEnd, when: `after ${otherEnd - cut} bytes in other chunks`, restored: reused });
  }
  settle(Number.POSITIVE_INFINITY);
  return comparisons;
}

export function restore(emulator: Emulator, state: ScreenState): void {
  restoreScreen(emulator.terminal, state);
  emulator.feeder.reset(state.tail.character);
  emulator.scanner.reset(state.tail);
}

const USED = [
  '\u001b[?1049h\u001b[?1003h\u001b[?1006h\u001b[?25l\u001b[3;9r\u001b[4h\u001b(0\u001b[?6h left here \u001b[38;5',
  '\u001b]8;id=a;https://example.org/a\u001b\\a link\r\n\r\n\u001b]2;another title\u0007\u001b[20h\u001b[?12h\u001b]4;1;#abcdef\u0007\u001b]11;#123456',
  '\u001b[?2026h\u001b[?45h\u001b[?66h\u001b[?7l\u001b[3g\u001b[5 q\u001b7\u001bP$q',
];

/** A terminal of another size, in the middle of something else. */
function makeUsed(random: Random): Emulator {
  const emulator = makeEmulator(40 + random.below(80), 10 + random.below(40));
  for (let lines = random.below(200); lines > 0; lines -= 1) feed(emulator, new TextEncoder().encode(`line ${lines}\r\n`));
  feed(emulator, new TextEncoder().encode(random.pick(USED)));
  // And of a character.
  if (random.below(2) === 0) feed(emulator, Uint8Array.of(0xf0, 0x9f));
  return emulator;
}
