import { expect, test } from 'vitest';
import { fitGrid, fontForColumns, slideForCursor } from './fit.ts';

test('the grid is the largest that fits', () => {
  expect(fitGrid({ width: 412, height: 700 }, { width: 7.8, height: 17 })).toEqual({ cols: 52, rows: 41 });
});

test('a measuring error of half a pixel costs no column', () => {
  expect(fitGrid({ width: 400, height: 160.4 }, { width: 8.004, height: 16.05 })).toEqual({ cols: 50, rows: 10 });
});

test('no room and unmeasured cells give the smallest grid', () => {
  expect(fitGrid({ width: 0, height: 0 }, { width: 8, height: 16 })).toEqual({ cols: 10, rows: 2 });
  expect(fitGrid({ width: 0, height: 0 }, { width: 0, height: 0 })).toEqual({ cols: 10, rows: 2 });
});

test('a foreign grid is drawn smaller until it fits the width, and never larger than one of our own', () => {
  expect(fontForColumns(40, { width: 412, height: 1 }, 7.8, 13)).toBe(13);
  const font = fontForColumns(120, { width: 412, height: 1 }, 7.8, 13);
  expect(font).toBeLessThan(13);
  expect((120 * 7.8 * font) / 13).toBeLessThanOrEqual(412);
  expect(fontForColumns(1000, { width: 100, height: 1 }, 7.8, 13)).toBe(4);
});

test('with the keyboard up the grid slides so that the cursor stays visible', () => {
  const grid = { height: 700, rowHeight: 20 };
  expect(slideForCursor(grid, 700, 650)).toBe(0);
  expect(slideForCursor(grid, 400, 680)).toBe(300);
  expect(slideForCursor(grid, 400, 0)).toBe(0);
  expect(slideForCursor(grid, 400, 150)).toBe(0);
  expect(slideForCursor(grid, 400, 380)).toBe(0);
  expect(slideForCursor(grid, 400, 381)).toBe(300);
  expect(slideForCursor(grid, 100, 380)).toBe(380);
});
