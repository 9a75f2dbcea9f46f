import { describe, expect, it } from 'vitest';
import { makeRecord, takeTimeMark } from './session-book.ts';
import type { SessionRecord } from './session-book.ts';
import type { HostSession } from './types.ts';

const SESSION: HostSession = {
  id: 's',
  run: 1,
  runFromOffset: 0,
  idleEndsAt: null,
  state: 'running',
  pid: 1,
  command: ['sh'],
  cwd: '/',
  cols: 80,
  rows: 24,
  createdAt: 0,
  lastActivityAt: 0,
  endedAt: null,
  reason: null,
  exitCode: null,
  signal: null,
  firstOffset: 0,
  endOffset: 0,
  lastMark: 1,
  storedBytes: 0,
  maxHistoryBytes: 0,
  idleTimeoutMs: 0,
};

/** Times at which output of `bytes` each, every `everyMs`, is stamped. */
function stamps(record: SessionRecord, bytes: number, everyMs: number, untilMs: number): number[] {
  const stamped: number[] = [];
  for (let ms = 0; ms < untilMs; ms += everyMs) {
    if (takeTimeMark(record, ms)) stamped.push(ms);
    record.queuedEnd += bytes;
  }
  return stamped;
}

describe('time marks', () => {
  it('stamp the first output', () => {
    expect(takeTimeMark(makeRecord(1, SESSION, undefined), 77)).toBe(true);
  });

  it('come at most every 250 ms', () => {
    expect(stamps(makeRecord(1, SESSION, undefined), 1000, 10, 1000)).toEqual([0, 250, 500, 750]);
  });

  it('stamp output after a pause with the time of the output, not of the pause', () => {
    const record = makeRecord(1, SESSION, undefined);
    takeTimeMark(record, 0);
    record.queuedEnd += 100;
    expect(takeTimeMark(record, 9000)).toBe(true);
    expect(record.lastTimeMarkOffset).toBe(100);
  });

  it('never outnumber one in sixteen bytes, or one in five seconds, so that a slow drip does not fill the disk with times', () => {
    const quick = makeRecord(1, SESSION, undefined);
    const marks = stamps(quick, 1, 100, 100_000).length;
    expect(marks).toBeGreaterThan(50);
    expect(marks).toBeLessThanOrEqual(quick.queuedEnd / 16 + 1);
    expect(stamps(makeRecord(1, SESSION, undefined), 1, 1000, 60_000)).toHaveLength(12);
  });

  it('stamp a short answer after a long wait', () => {
    const record = makeRecord(1, SESSION, undefined);
    takeTimeMark(record, 0);
    record.queuedEnd += 2;
    expect(takeTimeMark(record, 4999)).toBe(false);
    expect(takeTimeMark(record, 5000)).toBe(true);
  });
});
