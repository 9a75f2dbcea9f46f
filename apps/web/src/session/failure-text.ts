// Owns the words for a session that cannot be shown.
import { errorCodeOf } from '@cotg/api/client';
import { ScreenError } from '@cotg/screen';

/** Why a session cannot be shown, for a person. */
export function failureText(error: unknown): string {
  if (error instanceof ScreenError) {
    return error.code === 'SCREEN_VERSION'
      ? 'This page is of another version than the server. Load it again.'
      : `The screen of this session could not be shown (${error.code}). Nothing of it is lost: open it again.`;
  }
  switch (errorCodeOf(error)) {
    case 'UNKNOWN_SESSION':
    case 'NOT_FOUND':
      return 'This session no longer exists.';
    case 'DETACHED':
      return 'Another device has sent this one away. Open the session again to come back.';
    case 'FORBIDDEN':
      return 'This device may not look at this session.';
    default:
      return error instanceof Error ? error.message : 'The session could not be opened.';
  }
}
