import { expect, test } from 'vitest';
import { openTestCatalog } from '../testing.ts';

const checkpoint = {
  sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001',
  run: 2,
  offset: 4096,
  mark: 7,
  cols: 51,
  rows: 43,
  emulator: '6.0.0',
  hash: '00ff',
  title: 'vim',
  preview: ['a', '\u001b[31mb\u001b[0m'],
  state: Uint8Array.from([1, 2, 3]),
};

test('a screen comes back as it was stored, and the newest replaces the one before', async () => {
  await using opened = await openTestCatalog();
  const { checkpoints } = opened.catalog;
  await checkpoints.put({ ...checkpoint, offset: 1, state: Uint8Array.from([9]) });
  await checkpoints.put(checkpoint);
  const { state, ...place } = checkpoint;
  expect(await checkpoints.places()).toEqual([place]);
  expect(Uint8Array.from((await checkpoints.read(checkpoint.sessionId, 4096)) ?? [])).toEqual(state);
  expect(await checkpoints.read(checkpoint.sessionId, 1)).toBeUndefined();
  await checkpoints.remove(checkpoint.sessionId);
  expect(await checkpoints.places()).toEqual([]);
});
