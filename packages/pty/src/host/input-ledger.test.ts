import { describe, expect, test } from 'vitest';
import { InputLedger } from './input-ledger.ts';

describe('an input of a viewer is applied once', () => {
  test('numbers count up from 1, each viewer for itself', () => {
    const ledger = new InputLedger({ maxViewers: 10 });
    expect(ledger.judge('a', 1)).toEqual({ kind: 'next' });
    ledger.record('a', 1);
    expect(ledger.judge('a', 2)).toEqual({ kind: 'next' });
    expect(ledger.judge('b', 1)).toEqual({ kind: 'next' });
    expect(ledger.lastInput('a')).toBe(1);
    expect(ledger.lastInput('b')).toBe(0);
  });

  test('a number that was applied is a duplicate, however often and late it comes', () => {
    const ledger = new InputLedger({ maxViewers: 10 });
    for (const n of [1, 2, 3]) ledger.record('a', n);
    for (const n of [1, 2, 3, 3, 1]) expect(ledger.judge('a', n)).toEqual({ kind: 'duplicate', lastInput: 3 });
  });

  test('a number that skips one is a gap, and what was missing still fits afterwards', () => {
    const ledger = new InputLedger({ maxViewers: 10 });
    ledger.record('a', 1);
    expect(ledger.judge('a', 3)).toEqual({ kind: 'gap', lastInput: 1 });
    expect(ledger.judge('a', 2)).toEqual({ kind: 'next' });
    expect(ledger.judge('b', 2)).toEqual({ kind: 'gap', lastInput: 0 });
  });

  test('a number that was judged and not recorded is still free', () => {
    const ledger = new InputLedger({ maxViewers: 10 });
    ledger.judge('a', 1);
    expect(ledger.judge('a', 1)).toEqual({ kind: 'next' });
  });

  test('only so many viewers are remembered, and the one that typed least recently is forgotten', () => {
    const ledger = new InputLedger({ maxViewers: 3 });
    for (const viewer of ['a', 'b', 'c']) ledger.record(viewer, 1);
    ledger.record('a', 2);
    ledger.record('d', 1);
    expect(['a', 'b', 'c', 'd'].map((viewer) => ledger.lastInput(viewer))).toEqual([2, 0, 1, 1]);
    expect(ledger.judge('b', 2), 'it is told, not typed out of order').toEqual({ kind: 'gap', lastInput: 0 });
  });
});
