import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { MemoryJournal } from './memory-journal.ts';
import { createFields } from '../testing/start-test-host.ts';
import type { ProcessIdentity } from './output-journal.ts';
import { identityOf, isAlive } from './proc.ts';
import { reconcile } from './reconcile.ts';

const clock = new FakeClock();
const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

function add(journal: MemoryJournal, identity?: ProcessIdentity): string {
  const id = randomUUID();
  journal.createSession({ ...createFields(), id, createdAt: 0 });
  if (identity) journal.runStarted(id, identity);
  return id;
}

test('runs that an earlier host left are marked lost, ended ones stay as they are, and living processes are only named', () => {
  const journal = new MemoryJournal();
  const me = identityOf(process.pid);
  const starting = add(journal);
  const living = add(journal, me);
  const reused = add(journal, { ...me, startTime: '1' });
  const otherBoot = add(journal, { ...me, bootId: 'another boot' });
  const gone = add(journal, { ...me, pid: 2 ** 30 });
  const ended = add(journal, me);
  journal.runEnded(ended, { state: 'exited', reason: 'exit', exitCode: 4, signal: null, endedAt: 1 });

  const { lost, orphans } = reconcile({ journal, clock, log });
  expect(lost).toEqual([starting, living, reused, otherBoot, gone]);
  expect(orphans).toEqual([{ sessionId: living, identity: me }]);
  for (const id of lost) {
    expect(journal.session(id)).toMatchObject({ state: 'lost', reason: 'host-lost', pid: null, exitCode: null, endedAt: clock.now() });
  }
  expect(journal.session(ended)).toMatchObject({ state: 'exited', exitCode: 4 });
  expect(reconcile({ journal, clock, log })).toEqual({ lost: [], orphans: [] });
});

test('an identity with unknown parts proves nothing', () => {
  const me = identityOf(process.pid);
  expect(isAlive(me)).toBe(true);
  expect(isAlive({ ...me, startTime: null })).toBe(false);
  expect(isAlive({ ...me, bootId: null })).toBe(false);
});
