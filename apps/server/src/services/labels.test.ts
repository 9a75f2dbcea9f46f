import type { HostSession } from '@cotg/pty/client';
import { expect, test } from 'vitest';
import { cleanLabel } from './clean-label.ts';
import { viewOf } from './session-view.ts';

const session: HostSession = {
  id: '0b2f6a3e-0000-4000-8000-000000000001',
  run: 1,
  runFromOffset: 0,
  state: 'running',
  pid: 1,
  command: ['bash'],
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
  lastMark: 0,
  storedBytes: 0,
  maxHistoryBytes: 1,
  idleTimeoutMs: 0,
  idleEndsAt: null,
};
const notes = { name: null, profile: null, terminalTitle: null, attention: false, viewers: 0, pinned: false, removedInMs: null, now: 0 };

test('S46: a command that stands in for a title is one short plain line', () => {
  const command = ['printf', '\u001b]8;;https://evil.example\u0007x', 'a\r\nb', '\u202egnp', '\ud800', 'y'.repeat(5000)];
  const { title } = viewOf({ ...session, command }, notes);
  expect(title).toMatch(/^printf +\]8;;https:\/\/evil\.example x a b gnp +y+$/);
  expect(title.length).toBeLessThanOrEqual(256);
  // What is run is told as it is.
  expect(viewOf({ ...session, command }, notes).command).toEqual(command);
});

test('S46: a name holds no control characters, no overrides, no ends of lines, no halves of characters', () => {
  const text = `a\u0000b\u001b]2;c\u0007d\u009be\u202ef\u2066g\u2028h\u2029i\ud800j\u200bk`;
  expect(cleanLabel(text)).toBe('ab]2;cdefghijk');
});
