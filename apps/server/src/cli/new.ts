// `cotg new [-- command …]`: starts a session in the caller's folder and prints its id.
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import type { CliIo } from './io.ts';
import { withServer } from './server-client.ts';

export interface NewOptions {
  readonly json?: boolean;
  readonly name?: string;
  readonly cwd?: string;
}

export async function newSession(flags: Flags, command: readonly string[], options: NewOptions, io: CliIo): Promise<number> {
  return withServer(flags, async (api, { info }) => {
    const session = await api.session.create.mutate({
      ...(command.length > 0 ? { command: [...command] } : {}),
      cwd: options.cwd ?? process.cwd(),
      ...(options.name === undefined ? {} : { name: options.name }),
    });
    if (options.json) io.out(JSON.stringify(session, null, 2));
    else if (io.isTerminal) io.out(`${session.id}\n${info.url}/s/${session.id}`);
    else io.out(session.id);
    return EXIT.done;
  });
}
