import { deflateRawSync } from 'node:zlib';
import { encodeState, makeLiveScreen, screenText } from '@cotg/screen';
import { expect, test, vi } from 'vitest';
import { makeXterm } from '../terminal/create-terminal.ts';
import { unpackState } from './unpack-state.ts';

const { signal } = new AbortController();

async function encodedOf(text: string): Promise<Uint8Array> {
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(null);
  const terminal = makeXterm({ cols: 80, rows: 24 });
  const screen = makeLiveScreen(terminal);
  await new Promise<void>((resolve) => screen.write(new TextEncoder().encode(text), resolve));
  const encoded = encodeState(screen.dump());
  terminal.dispose();
  vi.restoreAllMocks();
  return encoded;
}
const packedOf = async (text: string): Promise<Uint8Array> => deflateRawSync(await encodedOf(text));

test('what the server packed is a state again', async () => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i} 漢字`);
  const state = await unpackState(await packedOf(lines.join('\r\n')), signal);
  expect(screenText(state)).toEqual(lines);
});

test('damaged, cut and made-up states are refused by their code', async () => {
  const packed = await packedOf('text');
  const flipped = Uint8Array.from(packed, (byte, index) => (index === packed.length >> 1 ? byte ^ 0xff : byte));
  for (const bytes of [
    packed.subarray(0, packed.length - 5),
    Uint8Array.of(1, 2, 3),
    deflateRawSync((await encodedOf('text')).subarray(0, -9)),
  ]) {
    await expect(unpackState(bytes, signal)).rejects.toMatchObject({ code: 'SCREEN_CORRUPT' });
  }
  await expect(unpackState(flipped, signal)).rejects.toMatchObject({ name: 'ScreenError' });
  await expect(unpackState(deflateRawSync(Uint8Array.of(99, 1, 2)), signal)).rejects.toMatchObject({ code: 'SCREEN_VERSION' });
});

test('a few bytes that unpack to gigabytes are given up at the limit', async () => {
  const bomb = deflateRawSync(new Uint8Array(64 * 1024 * 1024));
  expect(bomb.length).toBeLessThan(70_000);
  await expect(unpackState(bomb, signal)).rejects.toMatchObject({ code: 'SCREEN_TOO_LARGE' });
});

test('nobody gets a state that is wanted no longer', async () => {
  const ending = new AbortController();
  const unpacked = unpackState(await packedOf('text'), ending.signal);
  ending.abort();
  await expect(unpacked).rejects.toBe(ending.signal.reason);
});
