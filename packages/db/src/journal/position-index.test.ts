import { describe, expect, it } from 'vitest';
import { PositionIndex } from './position-index.ts';

describe('position index', () => {
  it('knows nothing of an empty log', () => {
    const index = new PositionIndex();
    expect([index.firstRow, index.lastRow, index.rowBefore(5), index.rowAfter(5)]).toEqual([0, 0, 0, 0]);
  });

  it('brackets every entry, however sparse it is', () => {
    for (const spacing of [1, 2, 7, 1000]) {
      const index = new PositionIndex(spacing);
      // Runs of equal offsets, and rows of others in between.
      const entries = Array.from({ length: 200 }, (_, at) => ({ offset: Math.floor(at / 3) * 10, row: 5 + at * 7 + (at % 5) }));
      for (const { offset, row } of entries) index.add(offset, row);
      for (let wanted = -5; wanted < 700; wanted++) {
        const behind = entries.filter(({ offset }) => offset >= wanted).map(({ row }) => row);
        const before = entries.filter(({ offset }) => offset <= wanted).map(({ row }) => row);
        expect(index.rowBefore(wanted)).toBeLessThanOrEqual(Math.min(...behind, Infinity));
        expect(index.rowAfter(wanted)).toBeGreaterThanOrEqual(Math.max(...before, 0));
      }
    }
  });

  it('finds the row that an offset lies in, when rows hold stretches of output', () => {
    const index = new PositionIndex(4);
    const rows = Array.from({ length: 300 }, (_, at) => ({ from: at * 10, to: at * 10 + 10, row: 3 + at * 2 }));
    for (const { from, row } of rows) index.add(from, row);
    for (const { from, to, row } of rows) {
      for (let offset = from; offset < to; offset++) expect(index.rowBefore(offset)).toBeLessThanOrEqual(row);
    }
  });

  it('the row before an offset is no further back than its spacing', () => {
    const index = new PositionIndex(10);
    for (let row = 1; row <= 1000; row++) index.add(row * 100, row);
    for (let row = 20; row <= 1000; row++) expect(row - index.rowBefore(row * 100)).toBeLessThanOrEqual(10);
  });
});
