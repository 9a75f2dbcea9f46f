// `cotg screen ID`: what a session shows now, as text, with its colours, or as JSON.
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import type { CliIo } from './io.ts';
import { sessionIdOf, withServer } from './server-client.ts';

export const SCREEN_FORMATS = ['text', 'ansi', 'json'] as const;

export interface ScreenOptions {
  readonly json?: boolean;
  readonly format?: (typeof SCREEN_FORMATS)[number];
}

export async function screen(flags: Flags, id: string, options: ScreenOptions, io: CliIo): Promise<number> {
  const sessionId = await sessionIdOf(flags, id);
  return withServer(flags, async (api) => {
    const found = await api.session.screen.query({ sessionId, ansi: options.format === 'ansi' });
    if (options.json || options.format === 'json') io.out(JSON.stringify(found, null, 2));
    else if (found.lines.length > 0) io.out(found.lines.join('\n'));
    return EXIT.done;
  });
}
