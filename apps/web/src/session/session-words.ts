// Owns the words and shapes for a session's state. Pure. Never colour alone: each state has a glyph and a word.
import type { EndReason, RunState } from '@cotg/api/client';

export type StateTone = 'attention' | 'working' | 'ended' | 'failed';

export interface StateWords {
  readonly glyph: string;
  readonly word: string;
  readonly tone: StateTone;
}

export interface SessionState {
  readonly state: RunState;
  readonly attention: boolean;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: EndReason | null;
}

export function stateWords(session: SessionState): StateWords {
  switch (session.state) {
    case 'starting':
      return { glyph: '◌', word: 'Starting', tone: 'working' };
    case 'running':
      return session.attention ? { glyph: '▲', word: 'Needs you', tone: 'attention' } : { glyph: '●', word: 'Running', tone: 'working' };
    case 'lost':
      return { glyph: '⌁', word: 'Lost', tone: 'failed' };
    case 'killed':
      if (session.reason === 'user') return { glyph: '■', word: 'Ended by you', tone: 'ended' };
      if (session.reason === 'idle') return { glyph: '■', word: 'Ended, unused', tone: 'ended' };
      return { glyph: '■', word: session.signal === null ? 'Ended' : `Ended (${session.signal})`, tone: 'failed' };
    // exited
    default:
      if (session.reason === 'failed-to-start') return { glyph: '■', word: 'Could not start', tone: 'failed' };
      return session.exitCode === 0
        ? { glyph: '■', word: 'Ended (0)', tone: 'ended' }
        : { glyph: '■', word: `Failed (${session.exitCode ?? '?'})`, tone: 'failed' };
  }
}

/** The end as a sentence, for the page of the session itself. */
export function endSentence(session: Omit<SessionState, 'attention'>): string {
  switch (session.reason) {
    case 'user':
      return 'This session was ended by you.';
    case 'idle':
      return 'This session was ended because nobody used it.';
    case 'limit':
      return 'This session was ended by a limit.';
    case 'host-lost':
      return 'The program was lost: the process that owned it ended. Its output is kept.';
    case 'failed-to-start':
      return 'The program could not be started.';
    default:
      if (session.signal !== null) return `This session was ended by signal ${session.signal}.`;
      return session.exitCode === null ? 'This session has ended.' : `This session ended (exit ${session.exitCode}).`;
  }
}

/** What runs, on one line, shortened from the front as a shell would show it. */
export function commandLine(command: readonly string[]): string {
  const [program = '', ...args] = command;
  return [program.split('/').at(-1) ?? program, ...args].join(' ');
}

/** A folder, with the home directory as people write it. */
export function folderName(cwd: string): string {
  return cwd.replace(/^\/(?:home\/[^/]+|Users\/[^/]+|root)(?=\/|$)/, '~');
}
