// `cotg ls`: the sessions, newest activity first.
import type { Session } from '@cotg/api/client';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import { formatAge, formatBytes, formatTable, printable } from './format.ts';
import type { CliIo } from './io.ts';
import { withServer } from './server-client.ts';

export async function ls(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  return withServer(flags, async (api) => {
    const sessions = await api.session.list.query();
    if (options.json) {
      io.out(JSON.stringify(sessions, null, 2));
      return EXIT.done;
    }
    if (sessions.length === 0) {
      io.out('No sessions. `cotg new` starts one.');
      return EXIT.done;
    }
    const now = Date.now();
    const rows = sessions.map((session) => [
      session.id,
      stateWord(session),
      `${session.cols}x${session.rows}`,
      formatBytes(session.endOffset - session.firstOffset),
      `${formatAge(now - Date.parse(session.lastActivityAt))} ago`,
      printable(session.title),
    ]);
    for (const line of formatTable([['ID', 'STATE', 'SIZE', 'HISTORY', 'ACTIVE', 'TITLE'], ...rows])) io.out(line);
    return EXIT.done;
  });
}

function stateWord(session: Session): string {
  if (session.alive) return session.state;
  if (session.signal !== null) return `${session.state} (${session.signal})`;
  return session.exitCode === null ? session.state : `${session.state} (${session.exitCode})`;
}
