import { expect, test } from 'vitest';
import { compilePattern } from './safe-pattern.ts';

test('a pattern finds what it names anywhere in a line', () => {
  expect(compilePattern(String.raw`\d+ tests? passed`).matches('12 tests passed in 3 s')).toBe(true);
  expect(compilePattern('^done$').matches('not done')).toBe(false);
  expect(compilePattern('(?i)FEHLER').matches('Fehler: ü')).toBe(true);
});

test.each(['(', '[z-a]', String.raw`(a)\1`, '(?=a)', 'a{1001}', 'x'.repeat(513), '[a-z]{1000}'.repeat(20), `(${'ab'.repeat(100)}){900}`])(
  'pattern %# is refused with a code',
  (pattern) => {
    expect(() => compilePattern(pattern)).toThrow(expect.objectContaining({ code: 'PATTERN_INVALID' }) as Error);
  },
);

test.each(['(a+)+b', '(a|aa)*b', '(a*)*b', '([a-z]+)*!', `${'a?'.repeat(150)}${'a'.repeat(150)}$`])(
  'a pattern that makes other engines run for years (%#) is answered at once',
  (pattern) => {
    const compiled = compilePattern(pattern);
    const line = `${'a'.repeat(100_000)}\u0000`;
    const from = performance.now();
    expect(compiled.matches(line)).toBe(pattern.endsWith('a$'));
    // Milliseconds here; a backtracking engine does not come back at all.
    expect(performance.now() - from).toBeLessThan(10_000);
  },
);
