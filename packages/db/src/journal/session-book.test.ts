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

  it('never outnumber one in sixteen bytes, so that a slow drip does not fill the disk with times', () => {
    const record = makeRecord(1, SESSION, undefined);
    const marks = stamps(record, 1, 1000, 1_000_000).length;
    expect(marks).toBeGreaterThan(50);
    expect(marks).toBeLessThanOrEqual(record.queuedEnd / 16 + 1);
  });
});
