import { describe, expect, it } from 'vitest';
import { CommitPolicy, MAX_COMMIT_BYTES } from './commit-policy.ts';
import type { PendingEntries } from './commit-policy.ts';

const NOW = { kind: 'now', only: null };

function pending(sessions: Record<number, number>, oldestMs: number | null): PendingEntries {
  const bytes = Object.values(sessions).reduce((sum, length) => sum + length, 0);
  return { bytes, oldestMs, bytesOf: (session) => sessions[session] };
}

/** A policy that somebody watches, with its bucket emptied at time 0. */
function busyPolicy(): CommitPolicy {
  const policy = new CommitPolicy(0);
  policy.followed(true);
  for (let i = 0; i < 4; i++) policy.committed(0);
  return policy;
}

describe('commit policy', () => {
  it('has nothing to do while nothing waits', () => {
    expect(new CommitPolicy(0).decide(pending({}, null), 0)).toEqual({ kind: 'idle' });
  });

  it('commits at once four times in a row after a quiet moment, then gathers for 5 ms', () => {
    const policy = new CommitPolicy(0);
    policy.followed(true);
    for (let i = 0; i < 4; i++) {
      expect(policy.decide(pending({ 1: 10 }, 0), 0)).toEqual(NOW);
      policy.committed(0);
    }
    expect(policy.decide(pending({ 1: 10 }, 0), 0)).toEqual({ kind: 'wait', untilMs: 5 });
    expect(policy.decide(pending({ 1: 10 }, 0), 4.9)).toEqual({ kind: 'wait', untilMs: 5 });
    expect(policy.decide(pending({ 1: 10 }, 0), 5)).toEqual(NOW);
  });

  it('a mark without bytes is committed like output', () => {
    expect(busyPolicy().decide(pending({ 1: 0 }, 0), 5)).toEqual(NOW);
  });

  it('makes about 200 commits a second under steady load', () => {
    const policy = new CommitPolicy(0);
    policy.followed(true);
    let commits = 0;
    let oldestMs = 0;
    for (let ms = 0; ms < 1000; ms += 0.1) {
      if (policy.decide(pending({ 1: 4095 }, oldestMs), ms).kind !== 'now') continue;
      policy.committed(ms);
      commits += 1;
      oldestMs = ms + 0.1;
    }
    expect(commits).toBeGreaterThan(180);
    expect(commits).toBeLessThan(220);
  });

  it('a full transaction does not wait for its window', () => {
    expect(busyPolicy().decide(pending({ 1: MAX_COMMIT_BYTES }, 0), 0)).toEqual(NOW);
  });

  it('gathers for 50 ms when nobody follows, even with tokens left', () => {
    const policy = new CommitPolicy(0);
    expect(policy.decide(pending({ 1: 10 }, 0), 1)).toEqual({ kind: 'wait', untilMs: 50 });
    expect(policy.decide(pending({ 1: 10 }, 0), 50)).toEqual(NOW);
  });

  it('a session typed into is committed at once with an empty bucket, and without anybody following', () => {
    const policy = busyPolicy();
    policy.typed(1, 0);
    expect(policy.decide(pending({ 1: 10, 2: 10 }, 0), 0)).toEqual(NOW);
    const unwatched = new CommitPolicy(0);
    unwatched.typed(1, 0);
    expect(unwatched.decide(pending({ 1: 10 }, 0), 0)).toEqual(NOW);
  });

  it('a session typed into is committed alone while much of others waits', () => {
    const policy = busyPolicy();
    policy.typed(1, 0);
    expect(policy.decide(pending({ 1: 10, 2: 100_000 }, 0), 0)).toEqual({ kind: 'now', only: [1] });
    expect(policy.decide(pending({ 1: 10, 2: MAX_COMMIT_BYTES }, 0), 0)).toEqual({ kind: 'now', only: [1] });
  });

  it('a typed session with nothing waiting hurries nobody', () => {
    const policy = busyPolicy();
    policy.typed(1, 0);
    expect(policy.decide(pending({ 2: 10 }, 0), 0)).toEqual({ kind: 'wait', untilMs: 5 });
  });

  it('typing counts for 100 ms', () => {
    const policy = busyPolicy();
    policy.typed(1, 0);
    expect(policy.typedSessions(100)).toEqual([1]);
    expect(policy.typedSessions(100.1)).toEqual([]);
  });

  it('a removed session is forgotten', () => {
    const policy = busyPolicy();
    policy.typed(1, 0);
    policy.forget(1);
    expect(policy.typedSessions(0)).toEqual([]);
  });

  it('keys typed into a flood make at most 600 commits a second', () => {
    const policy = new CommitPolicy(0);
    policy.followed(true);
    let commits = 0;
    for (let ms = 0; ms < 1000; ms += 0.1) {
      policy.typed(1, ms);
      if (policy.decide(pending({ 1: 4095 }, ms), ms).kind !== 'now') continue;
      policy.committed(ms);
      commits += 1;
    }
    expect(commits).toBeGreaterThan(400);
    expect(commits).toBeLessThanOrEqual(600 + 4 + 16);
  });
});
