import type { Session } from '@cotg/api/client';
import { expect, test } from 'vitest';
import { applyListEvent } from './create-session-list.ts';
import { commandLine, endSentence, folderName, stateWords } from './session-words.ts';

const state = { state: 'running', attention: false, exitCode: null, signal: null, reason: null } as const;

test('each state has a glyph and a word of its own', () => {
  const words = [
    stateWords(state),
    stateWords({ ...state, attention: true }),
    stateWords({ ...state, state: 'starting' }),
    stateWords({ ...state, state: 'exited', exitCode: 0, reason: 'exit' }),
    stateWords({ ...state, state: 'exited', exitCode: 2, reason: 'exit' }),
    stateWords({ ...state, state: 'killed', signal: 'SIGHUP', reason: 'user' }),
    stateWords({ ...state, state: 'killed', signal: 'SIGKILL', reason: 'signal' }),
    stateWords({ ...state, state: 'lost', reason: 'host-lost' }),
  ].map(({ glyph, word }) => `${glyph} ${word}`);
  expect(new Set(words).size).toBe(words.length);
  expect(words[4]).toBe('■ Failed (2)');
});

test('an end is said as a sentence', () => {
  expect(endSentence({ ...state, state: 'exited', exitCode: 0, reason: 'exit' })).toBe('This session ended (exit 0).');
  expect(endSentence({ ...state, state: 'killed', signal: 'SIGKILL', reason: 'signal' })).toContain('SIGKILL');
  expect(endSentence({ ...state, state: 'killed', signal: 'SIGHUP', reason: 'user' })).toContain('by you');
});

test('commands and folders are shown as people write them', () => {
  expect(commandLine(['/usr/bin/bash', '-l'])).toBe('bash -l');
  expect(commandLine([])).toBe('');
  expect(folderName('/home/ann/src/api')).toBe('~/src/api');
  expect(folderName('/root')).toBe('~');
  expect(folderName('/rooted/x')).toBe('/rooted/x');
});

test('a changed session keeps its place, a new one comes first, a removed one goes', () => {
  const session = (id: string, title = id): Session => ({ id, title }) as Session;
  const start = applyListEvent([], { type: 'list', sessions: [session('a'), session('b')] });
  const changed = applyListEvent(start, { type: 'session', session: session('b', 'B') });
  expect(changed.map(({ title }) => title)).toEqual(['a', 'B']);
  const added = applyListEvent(changed, { type: 'session', session: session('c') });
  expect(added.map(({ id }) => id)).toEqual(['c', 'a', 'b']);
  expect(applyListEvent(added, { type: 'removed', sessionId: 'a' }).map(({ id }) => id)).toEqual(['c', 'b']);
});
