import { expect, test, vi } from 'vitest';
import { WrongTokens } from './wrong-tokens.ts';

test('S9, S10: an address is answered ten times a minute, and a hundred addresses together; each is told once', async () => {
  const told: string[] = [];
  const tokens = new WrongTokens({ keyOf: (address) => address, onFirst: (address) => told.push(address) });
  for (let n = 0; n < 10; n += 1) tokens.note('10.0.0.1');
  await vi.waitFor(() => expect(() => tokens.note('10.0.0.1')).toThrow('Too many wrong tokens'));
  for (let n = 0; n < 99; n += 1) tokens.note(`10.0.1.${n}`);
  expect(() => tokens.note('10.0.2.1')).toThrow('Too many wrong tokens');
  // Who has been answered goes on being answered, within its own limit.
  tokens.note('10.0.1.5');
  await vi.waitFor(() => expect(new Set(told).size).toBe(100));
  expect(told).toHaveLength(100);
});

test('S9: addresses that go on trying all night do not fill the audit', async () => {
  vi.useFakeTimers();
  try {
    const told: string[] = [];
    const tokens = new WrongTokens({ keyOf: (address) => address, onFirst: (address) => told.push(address) });
    for (let minute = 0; minute < 120; minute += 1) {
      for (let n = 0; n < 20; n += 1) tokens.note(`10.0.1.${n}`);
      await vi.advanceTimersByTimeAsync(61_000);
    }
    // Two hours and a bit.
    expect(told.length).toBeGreaterThanOrEqual(200);
    expect(told.length).toBeLessThanOrEqual(300);
  } finally {
    vi.useRealTimers();
  }
});
