// Owns the fuzz of what reads bytes back: stored screens, messages of both protocols, pieces of the journal. In this process.
// Invariant of each: damaged bytes are refused with the error that is named for it, and what is not refused can be worked with.
import headless from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { wireEncoder } from '@cotg/api/wire';
import { encodeFrame, FrameDecoder, FrameError } from '@cotg/pty/protocol';
import { decodeState, encodeState, hashScreen, makeLiveScreen, ScreenError, swallowQueries } from '@cotg/screen';
import { decodeSegment, encodePiece, encodeSealed } from '@cotg/db/testing';
import { chance, mutateBytes, mutateJson, pick } from './case.ts';
import type { Findings, FuzzTarget, Random } from './case.ts';
import { makeOutput, readRecordings } from './soup.ts';

const PARSE_MS = 20_000;

interface Screen extends Disposable {
  readonly live: ReturnType<typeof makeLiveScreen>;
  readonly xterm: InstanceType<typeof headless.Terminal>;
}

function openScreen(cols: number, rows: number): Screen {
  const xterm = new headless.Terminal({ cols, rows, scrollback: 200, allowProposedApi: true, logLevel: 'off' });
  xterm.loadAddon(new unicode11.Unicode11Addon());
  xterm.unicode.activeVersion = '11';
  const swallowed = swallowQueries(xterm);
  const live = makeLiveScreen(xterm);
  return {
    live,
    xterm,
    [Symbol.dispose]() {
      live.dispose();
      swallowed.dispose();
      xterm.dispose();
    },
  };
}

function inTime(what: string, begin: (done: () => void, failed: (error: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what} did not end`)), PARSE_MS);
    begin(
      () => {
        clearTimeout(timer);
        resolve();
      },
      (error) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}

/** Nothing, or what it threw instead of an error of this name. */
function refusedWith(names: readonly string[], what: string, action: () => unknown): string[] {
  try {
    action();
    return [];
  } catch (error) {
    const isNamed = error instanceof Error && (names.includes(error.name) || names.includes(String((error as { code?: unknown }).code)));
    return isNamed ? [] : [`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  }
}

async function screens(random: Random, recordings: readonly Buffer[]): Promise<Findings> {
  using first = openScreen(2 + random.below(100), 1 + random.below(40));
  await inTime('parsing', (done) => first.live.write(makeOutput(random, recordings).subarray(0, 20_000), done));
  const whole = first.live.dump();
  const stored = encodeState(whole);
  const found: string[] = [];
  // What was not damaged comes back as it was, and goes on alike.
  using second = openScreen(80, 24);
  await inTime('restoring', (done, failed) => second.live.restore(decodeState(stored), { offset: 0, done, failed }));
  const more = makeOutput(random, recordings).subarray(0, 5000);
  for (const screen of [first, second]) await inTime('parsing', (done) => screen.live.write(more, done));
  if (hashScreen(first.xterm) !== hashScreen(second.xterm)) found.push('a restored screen goes on differently');
  // Damaged, it is refused, or is a screen.
  for (let round = 0; round < 8; round += 1) {
    let state: ReturnType<typeof decodeState>;
    try {
      state = decodeState(mutateBytes(random, stored, 2_000_000));
    } catch (error) {
      if (!(error instanceof ScreenError)) found.push(`a damaged screen: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
      continue;
    }
    using third = openScreen(80, 24);
    try {
      await inTime('restoring a damaged screen', (done, failed) => third.live.restore(state, { offset: 0, done, failed }));
      await inTime('going on from a damaged screen', (done) => third.live.write(more, done));
      hashScreen(third.xterm);
      encodeState(third.live.dump());
    } catch (error) {
      if (!(error instanceof ScreenError))
        found.push(`a damaged screen that was taken: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    }
  }
  return found;
}

function wire(random: Random): Findings {
  const message = { id: 1, result: { type: 'data', data: ['id', { type: 'output', offset: 1, bytes: random.bytes(random.below(500)) }] } };
  const tracked = {
    id: 1,
    result: { type: 'data', data: { id: '1.0.1', data: { type: 'output', offset: 1, bytes: random.bytes(random.below(500)) } } },
  };
  return Array.from({ length: 100 }, () => {
    const frame = wireEncoder.encode(chance(random, 2) ? tracked : chance(random, 2) ? message : mutateJson(random, { a: message }));
    const bytes = typeof frame === 'string' ? Buffer.from(frame) : frame;
    const changed = mutateBytes(random, bytes, 100_000);
    const names = ['WireError', 'SyntaxError', 'ERR_ENCODING_INVALID_ENCODED_DATA'];
    return refusedWith(names, 'a message', () => wireEncoder.decode(chance(random, 4) ? changed.toString('utf8') : changed));
  }).flat();
}

function hostFrames(random: Random): Findings {
  return Array.from({ length: 50 }, () => {
    const frames = Array.from({ length: 1 + random.below(4) }, () =>
      encodeFrame({ type: 'x', id: random.below(9) }, random.bytes(random.below(300))),
    ).flat();
    const bytes = chance(random, 3) ? Buffer.concat(frames) : mutateBytes(random, Buffer.concat(frames), 100_000);
    // One read or many: the same messages, the same refusal.
    const outcomes = [bytes.length, 1, 1 + random.below(40)].map((step) => {
      const decoder = new FrameDecoder({ maxFrameBytes: 65_536 });
      const seen: string[] = [];
      try {
        for (let at = 0; at < bytes.length; at += step) {
          decoder.push(bytes.subarray(at, at + step));
          for (let frame = decoder.next(); frame; frame = decoder.next()) seen.push(`${JSON.stringify(frame.header)}${frame.body.length}`);
        }
      } catch (error) {
        seen.push(error instanceof FrameError ? error.code : `threw ${String(error)}`);
      }
      return seen.join('|');
    });
    const isBad = new Set(outcomes).size > 1 || outcomes.some((outcome) => outcome.includes('threw'));
    return isBad ? [`frames read differently in pieces: ${outcomes.join(' / ').slice(0, 400)}`] : [];
  }).flat();
}

function segments(random: Random): Findings {
  const bytes = Buffer.from(random.bytes(1 + random.below(5000)));
  return Array.from({ length: 20 }, () => {
    const segment = pick(random, [encodePiece, encodeSealed])(random.below(1000), bytes);
    const changed = pick(random, [
      { ...segment, data: mutateBytes(random, segment.data) },
      { ...segment, len: pick(random, [0, -1, 0.5, bytes.length + 1, 2 ** 40, Number.NaN]) },
      { ...segment, codec: random.below(9) },
      { ...segment, crc: random.below(2 ** 32) },
    ]);
    const found = refusedWith(['JOURNAL_DAMAGED'], 'a damaged segment', () => {
      if (!bytes.equals(decodeSegment(changed))) throw new Error('other bytes than were encoded');
    });
    return [...found, ...refusedWith([], 'a whole segment', () => decodeSegment(segment))];
  }).flat();
}

export function fuzzDecoders(): FuzzTarget {
  const recordings = readRecordings();
  return {
    name: 'decoders',
    parallel: 1,
    run: async (random) => [...(await screens(random, recordings)), ...wire(random), ...hostFrames(random), ...segments(random)],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
