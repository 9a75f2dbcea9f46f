// Owns the questions before something is ended or removed, and what a yes does.
import type { Client, Session } from '@cotg/api/client';
import type { Question } from '../ui/ConfirmDialog.tsx';

type Tell = (error: unknown) => void;

export function endQuestion(client: Client, session: Pick<Session, 'id' | 'title'>, tell: Tell): Question {
  return {
    title: `End “${session.title}”?`,
    text: 'The program will be stopped. Its output is kept for a while.',
    yes: 'End session',
    no: 'Keep',
    isDangerous: true,
    onYes: () => {
      client.api.session.kill.mutate({ sessionId: session.id }).catch(tell);
    },
  };
}

export function removeQuestion(client: Client, session: Pick<Session, 'id' | 'title'>, tell: Tell, removed?: () => void): Question {
  return {
    title: `Remove “${session.title}”?`,
    text: 'Its history will be deleted.',
    yes: 'Remove',
    no: 'Keep',
    isDangerous: true,
    onYes: () => {
      client.api.session.remove.mutate({ sessionId: session.id }).then(removed, tell);
    },
  };
}
