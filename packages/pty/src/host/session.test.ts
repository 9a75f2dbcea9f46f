import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { CommittedEntry } from './output-journal.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { makeFakePtys } from '../testing/fake-pty-process.ts';
import { MemoryJournal } from './memory-journal.ts';
import { createFields } from '../testing/start-test-host.ts';
import { defaultHostLimits } from './limits.ts';
import { Session } from './session.ts';

class FailingJournal extends MemoryJournal {
  failing: Partial<Record<'createSession' | 'runStarted' | 'runEnded' | 'append', true>> = {};

  override createSession(...args: Parameters<MemoryJournal['createSession']>) {
    if (this.failing.createSession) throw new Error('disk full');
    return super.createSession(...args);
  }
  override runStarted(...args: Parameters<MemoryJournal['runStarted']>) {
    if (this.failing.runStarted) throw new Error('disk full');
    return super.runStarted(...args);
  }
  override runEnded(...args: Parameters<MemoryJournal['runEnded']>) {
    if (this.failing.runEnded) throw new Error('disk full');
    return super.runEnded(...args);
  }
  override append(...args: Parameters<MemoryJournal['append']>) {
    if (this.failing.append) throw new Error('broken');
    return super.append(...args);
  }
}

function setUp() {
  const clock = new FakeClock();
  const journal = new FailingJournal({ autoCommit: false });
  const ptys = makeFakePtys();
  const logged: string[] = [];
  const changed: string[] = [];
  const committed: CommittedEntry[] = [];
  journal.onCommitted((entries) => committed.push(...entries));
  const note = (_fields: object, message: string): void => void logged.push(message);
  const parts = {
    journal,
    spawnPty: ptys.spawn,
    clock,
    log: { info: () => undefined, warn: note, error: note },
    limits: { ...defaultHostLimits, inputQueueBytes: 100, viewersRemembered: 3 },
    changed: (id: string) => changed.push(id),
  };
  const start = () => {
    const session = new Session({ type: 'create', id: 1, ...createFields({ sessionId: randomUUID() }) }, parts);
    const child = ptys.spawned.at(-1);
    if (!child) throw new Error('nothing was spawned');
    return { session, child };
  };
  return { clock, journal, ptys, logged, changed, committed, start };
}

describe('output', () => {
  test('reaches the journal in order, and nobody before its commit', () => {
    const { journal, committed, start } = setUp();
    const { session, child } = start();
    child.print('one ');
    session.resize(10, 5);
    child.print('two');
    expect(committed).toEqual([]);
    expect(session.view()).toMatchObject({ endOffset: 0, cols: 10, rows: 5 });
    journal.commit();
    expect(committed.map((entry) => (entry.kind === 'output' ? Buffer.from(entry.bytes).toString() : entry.entry.kind))).toEqual([
      'one ',
      'resize',
      'two',
    ]);
    expect(session.view()).toMatchObject({ endOffset: 7, lastMark: 1 });
  });

  test('comes before the end, which is stored at once', () => {
    const { committed, changed, start } = setUp();
    const { session, child } = start();
    child.print('bye');
    child.exit({ exitCode: 3 });
    expect(committed).toMatchObject([
      { kind: 'output', offset: 0 },
      { kind: 'mark', entry: { kind: 'exit', offset: 3, state: 'exited', reason: 'exit', exitCode: 3 } },
    ]);
    expect(session.view()).toMatchObject({ state: 'exited', pid: null, exitCode: 3, endOffset: 3 });
    expect(changed).toEqual([session.id]);
  });

  test('pauses the program while storing lags behind', () => {
    const { journal, start } = setUp();
    const { session, child } = start();
    child.print(Buffer.alloc(defaultHostLimits.pendingHighBytes));
    expect(child.paused).toBe(true);
    journal.commit();
    session.committed();
    expect(child.paused).toBe(false);
  });

  test('that the journal cannot take ends this session alone, loudly', () => {
    const { journal, logged, start } = setUp();
    const { session, child } = start();
    const other = start();
    journal.failing.append = true;
    child.print('x');
    child.print('y');
    expect(child.hangUps).toBe(1);
    expect(other.child.hangUps).toBe(0);
    expect(logged.length).toBeGreaterThan(0);
    child.exit({ signal: 'SIGHUP' });
    expect(session.view()).toMatchObject({ state: 'killed', reason: 'signal' });
    expect(other.session.view().state).toBe('running');
  });
});

describe('input', () => {
  test('is recorded only when it was accepted', () => {
    const { clock, start } = setUp();
    const { session, child } = start();
    child.room = 0;
    expect(session.input('v', 1, Buffer.alloc(80, 'a'))).toMatchObject({ result: 'applied' });
    expect(() => session.input('v', 2, Buffer.alloc(80, 'b'))).toThrow(expect.objectContaining({ code: 'INPUT_BUFFER_FULL' }));
    expect(session.lastInput('v')).toBe(1);
    child.room = Infinity;
    clock.advance(100);
    expect(session.input('v', 2, Buffer.alloc(80, 'b'))).toMatchObject({ result: 'applied', lastInput: 2 });
    expect(child.typed.toString()).toBe('a'.repeat(80) + 'b'.repeat(80));
  });

  test('counts as activity', () => {
    const { clock, start } = setUp();
    const { session } = start();
    clock.advance(5000);
    session.input('v', 1, Buffer.from('x'));
    expect(session.view().lastActivityAt).toBe(clock.now());
  });

  test('sent again after the end is still known to have been typed', () => {
    const { start } = setUp();
    const { session, child } = start();
    session.input('v', 1, Buffer.from('x'));
    child.exit();
    expect(session.input('v', 1, Buffer.from('x'))).toMatchObject({ result: 'duplicate', lastInput: 1 });
    expect(() => session.input('v', 2, Buffer.from('y'))).toThrow(expect.objectContaining({ code: 'SESSION_ENDED' }));
    expect(child.typed.toString()).toBe('x');
  });
});

describe('kill', () => {
  test('hangs up, and kills what is left after the grace', () => {
    const { clock, start } = setUp();
    const { session, child } = start();
    session.kill('user');
    session.kill('idle');
    expect([child.hangUps, child.kills]).toEqual([1, 0]);
    clock.advance(1999);
    expect(child.kills).toBe(0);
    clock.advance(1);
    expect(child.kills).toBe(1);
    child.exit({ signal: 'SIGKILL' });
    expect(session.view()).toMatchObject({ state: 'killed', reason: 'user', signal: 'SIGKILL', exitCode: null });
    expect(clock.waiting).toBe(0);
  });

  test('of a program that ends at once needs no second signal', () => {
    const { clock, start } = setUp();
    const { session, child } = start();
    session.kill('limit');
    child.exit({ exitCode: 0 });
    expect(session.view()).toMatchObject({ state: 'killed', reason: 'limit', exitCode: 0 });
    clock.advance(10_000);
    expect(child.kills).toBe(0);
  });

  test('is over only when the background jobs are gone too', async () => {
    const { clock, start } = setUp();
    const { session, child } = start();
    child.jobs = [4711];
    session.kill('user');
    child.exit({ signal: 'SIGHUP' });
    let ended = false;
    const end = session.ended().then(() => (ended = true));
    clock.advance(1900);
    expect([child.kills, session.alive]).toEqual([0, true]);
    clock.advance(200);
    expect([child.kills, session.alive]).toEqual([1, false]);
    await end;
    expect(ended).toBe(true);
    expect(session.view()).toMatchObject({ state: 'killed', reason: 'user', signal: 'SIGHUP' });
  });

  test('gives up on a process that nothing can kill, and says so', () => {
    const { clock, logged, start } = setUp();
    const { session, child } = start();
    child.killAll = () => undefined;
    child.jobs = [4711];
    session.kill('user');
    child.exit({ signal: 'SIGHUP' });
    clock.advance(4000);
    expect(session.alive).toBe(false);
    expect(logged).toContainEqual(expect.stringContaining('could not be killed'));
    expect(clock.waiting).toBe(0);
  });

  test('of an ended session is refused', () => {
    const { start } = setUp();
    const { session, child } = start();
    child.exit();
    expect(() => session.kill('user')).toThrow(expect.objectContaining({ code: 'SESSION_ENDED' }));
  });
});

describe('when storing is impossible', () => {
  test('nothing is started that could not be recorded', () => {
    const { journal, ptys, start } = setUp();
    journal.failing.createSession = true;
    expect(start).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    expect(ptys.spawned).toEqual([]);
  });

  test('a child whose start could not be recorded is killed', () => {
    const { journal, ptys, start } = setUp();
    journal.failing.runStarted = true;
    expect(start).toThrow(expect.objectContaining({ code: 'STORAGE_FAILED' }));
    expect(ptys.spawned[0]?.kills).toBe(1);
  });

  test('an end is still told to everyone', () => {
    const { journal, changed, logged, start } = setUp();
    const { session, child } = start();
    journal.failing.runEnded = true;
    child.exit({ exitCode: 1 });
    expect(session.view()).toMatchObject({ state: 'exited', reason: 'exit', exitCode: 1, pid: null });
    expect(changed).toEqual([session.id]);
    expect(logged).toContainEqual(expect.stringContaining('could not be stored'));
  });
});
