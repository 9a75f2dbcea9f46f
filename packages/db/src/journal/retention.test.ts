import { describe, expect, it } from 'vitest';
import { decideTrim, isWanted, stepBytes } from './retention.ts';

const MIB = 1024 * 1024;

describe('what is kept', () => {
  it('is everything within the limit', () => {
    expect(decideTrim({ firstOffset: 5, endOffset: 5 + MIB, maxHistoryBytes: MIB, candidates: [6] })).toEqual({ kind: 'keep' });
  });

  it('begins at the first candidate that the limit allows', () => {
    const kept = { firstOffset: 0, endOffset: 1000, maxHistoryBytes: 400 };
    expect(decideTrim({ ...kept, candidates: [100, 599, 600, 700] })).toEqual({ kind: 'base', offset: 600 });
    expect(decideTrim({ ...kept, candidates: [100, 599, 650] })).toEqual({ kind: 'base', offset: 650 });
  });

  it('is up to twice the limit without a candidate, then the limit, from a blank terminal', () => {
    const kept = { firstOffset: 0, maxHistoryBytes: 20 * MIB, candidates: [100] };
    expect(decideTrim({ ...kept, endOffset: 40 * MIB })).toEqual({ kind: 'keep' });
    expect(decideTrim({ ...kept, endOffset: 40 * MIB + 1 })).toEqual({ kind: 'blank', offset: 20 * MIB + 1 });
  });

  it('waits for an emulator that is just being started, however small the limit is', () => {
    const kept = { firstOffset: 0, maxHistoryBytes: MIB, candidates: [] };
    expect(decideTrim({ ...kept, endOffset: 17 * MIB })).toEqual({ kind: 'keep' });
    expect(decideTrim({ ...kept, endOffset: 17 * MIB + 1 })).toEqual({ kind: 'blank', offset: 16 * MIB + 1 });
  });

  it('is at least seven eighths of the limit, of a usual one 49 fiftieths, when a candidate is offered at each step', () => {
    for (const maxHistoryBytes of [MIB / 16, MIB / 8, MIB / 4, MIB, 50 * MIB, 500 * MIB]) {
      let firstOffset = 0;
      let candidates: number[] = [];
      const step = stepBytes(maxHistoryBytes);
      expect(step).toBeLessThanOrEqual(maxHistoryBytes / (maxHistoryBytes < 4 * MIB ? 8 : 50));
      for (let endOffset = 0; endOffset < 4 * maxHistoryBytes; endOffset += step / 4) {
        if (isWanted({ firstOffset, maxHistoryBytes, candidates }, endOffset)) candidates.push(endOffset);
        const decision = decideTrim({ firstOffset, endOffset, maxHistoryBytes, candidates });
        if (decision.kind === 'base') {
          firstOffset = decision.offset;
          candidates = candidates.filter((candidate) => candidate > firstOffset);
        }
        expect(decision.kind).not.toBe('blank');
        expect(endOffset - firstOffset).toBeLessThanOrEqual(maxHistoryBytes);
        if (endOffset > maxHistoryBytes) expect(endOffset - firstOffset).toBeGreaterThanOrEqual(maxHistoryBytes - 1.25 * step);
        expect(candidates.length).toBeLessThan(70);
      }
    }
  });
});
