// `cotg new [-- command …]`: starts a session in the caller's folder, and attaches to it on a terminal; else prints its id.
import type { Client } from '@cotg/api/client';
import { MAX_COLS, MAX_ROWS, MIN_COLS } from '@cotg/screen';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import type { CliIo } from './io.ts';
import { withServer } from './server-client.ts';

export interface NewOptions {
  readonly json?: boolean;
  readonly detach?: boolean;
  readonly name?: string;
  readonly profile?: string;
  readonly cwd?: string;
}

export async function newSession(flags: Flags, command: readonly string[], options: NewOptions, io: CliIo): Promise<number> {
  const attaches = io.isTerminal && !options.json && !options.detach;
  const { session, url } = await withServer(flags, async (api, { info }) => ({
    session: await api.session.create.mutate({
      ...(command.length > 0 ? { command: [...command] } : {}),
      ...(options.profile === undefined ? {} : { profile: options.profile }),
      ...(await folderOf(api, options)),
      ...(options.name === undefined ? {} : { name: options.name }),
      // It begins in the size that it will have.
      ...(attaches ? gridOf(process.stdout) : {}),
    }),
    url: info.url,
  }));
  if (attaches) {
    // Loaded for this alone: an emulator.
    const { attachTo } = await import('./attach.ts');
    return attachTo(flags, session.id, io);
  }
  if (options.json) io.out(JSON.stringify(session, null, 2));
  else if (io.isTerminal) io.out(`${session.id}\n${url}/s/${session.id}`);
  else io.out(session.id);
  return EXIT.done;
}

/** Nothing where a terminal does not tell it, or tells what no session can have. */
function gridOf({ columns, rows }: { readonly columns: number; readonly rows: number }): { cols?: number; rows?: number } {
  return columns >= MIN_COLS && rows >= 1 && columns <= MAX_COLS && rows <= MAX_ROWS ? { cols: columns, rows } : {};
}

/** The caller's own, unless one is named here or in the profile. */
async function folderOf(api: Client['api'], { cwd, profile: name }: NewOptions): Promise<{ cwd?: string }> {
  if (cwd !== undefined) return { cwd };
  const profiles = name === undefined ? [] : await api.profile.list.query();
  const hasOwn = profiles.some((profile) => profile.name === name && profile.cwd !== null);
  return hasOwn ? {} : { cwd: process.cwd() };
}
