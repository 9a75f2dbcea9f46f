import { crc32, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { MarkEntry } from '@cotg/pty/client';
import { DamagedHistoryError, START, behind, entriesOf } from './entries.ts';
import type { StreamEntry } from './entries.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const resize = (offset: number, mark: number): MarkEntry => ({ kind: 'resize', offset, mark, at: 0, cols: 80 + mark, rows: 24 });
const raw = (offset: number, value: string) => ({
  offset,
  length: value.length,
  codec: 'none' as const,
  storedLength: value.length,
  crc: null,
});

function shown(entries: readonly StreamEntry[]): string[] {
  return entries.map((entry) =>
    entry.kind === 'output' ? `${entry.offset}:${new TextDecoder().decode(entry.bytes)}` : `mark${entry.entry.mark}@${entry.entry.offset}`,
  );
}

const page = (fields: Partial<Parameters<typeof entriesOf>[0]>): Parameters<typeof entriesOf>[0] => ({
  fromOffset: 0,
  firstOffset: 0,
  endOffset: 10,
  pieces: [],
  marks: [],
  next: null,
  ...fields,
});

test('marks stand between the bytes they were made between', () => {
  const entries = entriesOf(
    page({ pieces: [raw(0, 'hello'), raw(5, 'world')], marks: [resize(0, 1), resize(3, 2), resize(5, 3), resize(5, 4), resize(10, 5)] }),
    text('helloworld'),
    START,
    10,
  );
  expect(shown(entries)).toEqual(['mark1@0', '0:hel', 'mark2@3', '3:lo', 'mark3@5', 'mark4@5', '5:world', 'mark5@10']);
});

test('a range inside pieces is cut, and what was seen does not come again', () => {
  const entries = entriesOf(
    page({ pieces: [raw(0, 'hello'), raw(5, 'world')], marks: [resize(3, 2), resize(5, 3)] }),
    text('helloworld'),
    { offset: 3, mark: 2 },
    7,
  );
  expect(shown(entries)).toEqual(['3:lo', 'mark3@5', '5:wo']);
});

test('compressed pieces are unpacked and checked', () => {
  const bytes = text('0123456789');
  const stored = zstdCompressSync(bytes);
  const piece = { offset: 0, length: 10, codec: 'zstd' as const, storedLength: stored.length, crc: crc32(bytes) };
  expect(shown(entriesOf(page({ pieces: [piece] }), stored, START, 10))).toEqual(['0:0123456789']);
  for (const broken of [
    { ...piece, crc: 1 },
    { ...piece, length: 9 },
    { ...piece, length: 11 },
  ]) {
    expect(() => entriesOf(page({ pieces: [broken] }), stored, START, 10)).toThrow(DamagedHistoryError);
  }
  expect(() => entriesOf(page({ pieces: [piece] }), text('not compressed'), START, 10)).toThrow(DamagedHistoryError);
});

test('a hole between pieces is an error, never a silent jump', () => {
  expect(() => entriesOf(page({ pieces: [raw(0, 'ab'), raw(5, 'cd')] }), text('abcd'), START, 7)).toThrow(/offset 2 is damaged/);
});

test('the position behind entries counts bytes and marks', () => {
  let position = START;
  for (const entry of entriesOf(page({ pieces: [raw(0, 'hello')], marks: [resize(0, 1), resize(5, 9)] }), text('hello'), START, 5))
    position = behind(position, entry);
  expect(position).toEqual({ offset: 5, mark: 9 });
});

test('F32: a damaged piece is named with its range, and what lies behind it is given when asked to go on', () => {
  const damages: string[] = [];
  const broken = { ...raw(2, 'cd'), crc: 1 };
  const pieces = [raw(0, 'ab'), broken, raw(4, 'ef'), raw(8, 'ij')];
  const entries = entriesOf(page({ pieces, marks: [resize(3, 1)] }), text('abcdefij'), START, 10, ({ offset, endOffset }) => {
    damages.push(`${offset}-${endOffset}`);
  });
  expect(shown(entries)).toEqual(['0:ab', 'mark1@3', '4:ef', '8:ij']);
  expect(damages).toEqual(['2-4', '6-8']);
});
