import { expect, test } from 'vitest';
import type { MarkEntry } from '@cotg/pty/client';
import { makeEmulator } from '../screens/emulator.ts';
import { makeHistoryCast } from './history-cast.ts';

const parse = (lines: string): unknown[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);
const time = (at: number): MarkEntry => ({ kind: 'time', offset: 0, mark: 1, at });
const SIZE = { cols: 20, rows: 4 };

test('a marker stands where its sequence does, also when that lies across two pieces', () => {
  const cast = makeHistoryCast({ createdAt: 0 }, SIZE);
  let lines = cast.take({ kind: 'mark', entry: time(1000) });
  lines += cast.take({ kind: 'output', offset: 0, bytes: Buffer.from('before\u001b[?1049hinside\u001b[?1') });
  lines += cast.take({ kind: 'mark', entry: time(3500) });
  lines += cast.take({ kind: 'output', offset: 0, bytes: Buffer.from('049lafter') });
  expect(parse(lines)).toEqual([
    [0, 'o', 'before'],
    [0, 'm', 'full-screen program'],
    [0, 'o', '\u001b[?1049hinside\u001b[?1'],
    [2.5, 'm', 'back to the shell'],
    [2.5, 'o', '049lafter'],
  ]);
});

test('a recording whose beginning is gone begins with a marker and the screen as it was there', async () => {
  const before = makeEmulator({ ...SIZE, scrollback: 10, offset: 0, onFact: () => undefined });
  await before.write(Buffer.from('\u001b[31mred\u001b[0m\r\nline two\r\n\r\n$ '));
  const state = before.screen.dump();
  const cast = makeHistoryCast({ createdAt: 0 }, SIZE);
  const events = parse(cast.trimmed(77, state)) as [number, string, string][];
  expect(events[0]).toEqual([0, 'm', 'history before offset 77 is no longer kept']);
  const shown = makeEmulator({ ...SIZE, scrollback: 10, offset: 0, onFact: () => undefined });
  await shown.write(Buffer.from(events[1]?.[2] ?? ''));
  expect(shown.rows('ansi')).toEqual(before.rows('ansi'));
  const { x, y } = shown.screen.dump().normal;
  expect([x, y]).toEqual([state.normal.x, state.normal.y]);
  for (const each of [before, shown]) each.dispose();
  expect(parse(cast.trimmed(77, null))).toHaveLength(1);
});
