import { expect, test } from 'vitest';
import { ApiError } from '@cotg/api';
import type { InputResult } from '@cotg/api';
import { ScriptInput } from './script-input.ts';

/** A host's ledger that refuses every third new number as a full terminal would. */
function ledger(): { typed: string[]; input: ScriptInput } {
  const typed: string[] = [];
  let last = 0;
  let tries = 0;
  const input = new ScriptInput({
    lastInput: async () => last,
    send: async ({ n, data }): Promise<InputResult> => {
      await Promise.resolve();
      if (n <= last) return { applied: 'duplicate', lastInput: last, endOffset: 0 };
      if (n > last + 1) throw new ApiError('INPUT_GAP', 'gap');
      tries += 1;
      if (tries % 3 === 0) throw new ApiError('INPUT_BUFFER_FULL', 'full');
      last = n;
      typed.push(data ?? '');
      return { applied: 'applied', lastInput: n, endOffset: 0 };
    },
  });
  return { typed, input };
}

test('what resolves was typed once and in order, what rejects was not, however many come at once', async () => {
  const { typed, input } = ledger();
  const texts = Array.from({ length: 100 }, (_, at) => `text ${at}`);
  const results = await Promise.allSettled(texts.map((data) => input.type('session', { data })));
  const accepted = texts.filter((_, at) => results[at]?.status === 'fulfilled');
  expect(accepted.length).toBeLessThan(100);
  expect(typed).toEqual(accepted);
});

test('waiting is bounded', async () => {
  const { input } = ledger();
  const waiting = Array.from({ length: 256 }, () => input.type('session', { data: 'x' }).catch(() => undefined));
  expect(() => input.type('session', { data: 'x' })).toThrow(ApiError);
  await Promise.all(waiting);
});
