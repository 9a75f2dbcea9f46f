import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { HostClient } from '@cotg/pty/client';
import { expect, test } from 'vitest';
import { openHostLink } from './host-link.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('what the host has answered is kept by nobody, however long the link lives', async () => {
  const answers: WeakRef<object>[] = [];
  const client = {
    hello: { sessions: [], host: {} },
    closed: new Promise<void>(() => undefined),
    onEvent: () => () => undefined,
    request: async () => {
      const reply = { reply: { sessions: Array.from({ length: 100 }, (_, n) => ({ n })) }, body: new Uint8Array(1000) };
      answers.push(new WeakRef(reply));
      return reply;
    },
    close: async () => undefined,
  } as unknown as HostClient;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };
  const link = await openHostLink({ connect: async () => client, log: log as never });
  for (let n = 0; n < 500; n += 1) await link.request('list', {});
  await new Promise((resolve) => setTimeout(resolve));
  collectGarbage();
  expect(answers.filter((answer) => answer.deref() !== undefined).length).toBeLessThan(10);
  await link.close();
});
