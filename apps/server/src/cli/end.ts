// `cotg kill`, `cotg rm`, `cotg restart`: the life of one session from the command line.
import type { Session } from '@cotg/api/client';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import type { CliIo } from './io.ts';
import { sessionIdOf, withServer } from './server-client.ts';

interface Options {
  readonly json?: boolean;
}

/** Ends the program and everything it started; resolves when it has ended. */
export async function kill(flags: Flags, id: string, options: Options, io: CliIo): Promise<number> {
  const sessionId = await sessionIdOf(flags, id);
  return withServer(flags, async (api) => tell(await api.session.kill.mutate({ sessionId }), options, io));
}

/** The same program in the same folder, as the next run. */
export async function restart(flags: Flags, id: string, options: Options, io: CliIo): Promise<number> {
  const sessionId = await sessionIdOf(flags, id);
  return withServer(flags, async (api) => tell(await api.session.restart.mutate({ sessionId }), options, io));
}

/** Forgets an ended session and its history. */
export async function rm(flags: Flags, id: string, options: Options, io: CliIo): Promise<number> {
  const sessionId = await sessionIdOf(flags, id);
  return withServer(flags, async (api) => {
    await api.session.remove.mutate({ sessionId });
    if (options.json) io.out('{}');
    return EXIT.done;
  });
}

function tell(session: Session, options: Options, io: CliIo): number {
  if (options.json) io.out(JSON.stringify(session, null, 2));
  else io.out(`${session.id} ${session.state}${session.reason === null ? '' : ` (${session.reason})`}, run ${session.run}`);
  return EXIT.done;
}
