// `cotg backup FILE`: everything that is kept, consistent while it runs, as one tar file: manifest.json, journal.db, catalog.db. To restore it: stop
// everything (`cotg stop --all`), unpack it into an empty data directory, start.
// Invariant: FILE is there only when it is whole; a file of that name is never overwritten.
import { createReadStream, createWriteStream, existsSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openCatalog } from '@cotg/db/catalog';
import tar from 'tar-stream';
import type { Flags } from '../config.ts';
import { EXIT, StartError, errnoOf, messageOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { formatBytes } from './format.ts';
import { withHost } from './host-access.ts';
import type { CliIo } from './io.ts';
import { LONG_COMMAND_MS, isServed, withServer } from './server-client.ts';

const MODE = 0o600;

export async function backup(flags: Flags, file: string, options: { json?: boolean }, io: CliIo): Promise<number> {
  const target = resolve(file);
  if (existsSync(target))
    throw new StartError('BAD_SETTING', `${target} is there already.`, { exitCode: EXIT.usage, hint: 'Name a new file.' });
  if (!existsSync(dirname(target)))
    throw new StartError('BAD_SETTING', `There is no folder ${dirname(target)}.`, { exitCode: EXIT.usage, hint: 'Make it first.' });
  const { folder, files } = (await isServed(flags))
    ? await withServer(flags, (api) => api.system.backup.mutate(), LONG_COMMAND_MS)
    : await copyWithoutServer(flags, io);
  const draft = join(dirname(target), `.${basename(target)}.${process.pid}`);
  try {
    await pack(folder, files, draft);
    // Unlike a rename this fails when somebody was quicker.
    linkSync(draft, target);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new StartError('BAD_SETTING', `${target} is there already.`, { exitCode: EXIT.usage });
    if (errnoOf(error) === undefined) throw error;
    throw new StartError('REQUEST_FAILED', `${target} cannot be written: ${messageOf(error)}.`, { exitCode: EXIT.failed, cause: error });
  } finally {
    rmSync(draft, { force: true });
    rmSync(folder, { recursive: true, force: true });
  }
  const bytes = statSync(target).size;
  io.out(options.json ? JSON.stringify({ file: target, bytes }) : `${target}, ${formatBytes(bytes)}`);
  return EXIT.done;
}

/** The journal by its host, the living one or one of our own; the catalog here, whose owner is away. */
function copyWithoutServer(flags: Flags, io: CliIo): Promise<{ folder: string; files: readonly string[] }> {
  return withHost(flags, io, async (host, dataDir) => {
    const folder = mkdtempSync(join(dataDir.path, 'backup-'));
    try {
      await host.request('backup', { path: join(folder, 'journal.db') }, { timeoutMs: LONG_COMMAND_MS });
      await using catalog = await openCatalog({ path: dataDir.catalog });
      await catalog.backup(join(folder, 'catalog.db'));
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    return { folder, files: ['journal.db', 'catalog.db'] };
  });
}

async function pack(folder: string, files: readonly string[], target: string): Promise<void> {
  const archive = tar.pack();
  const written = pipeline(archive, createWriteStream(target, { mode: MODE, flags: 'wx' }));
  const manifest = JSON.stringify({ product: 'claude-on-the-go', version: VERSION, madeAt: new Date().toISOString(), files }, null, 2);
  archive.entry({ name: 'manifest.json', mode: MODE }, manifest);
  for (const name of files) {
    const path = join(folder, name);
    await pipeline(createReadStream(path), archive.entry({ name, mode: MODE, size: statSync(path).size }));
  }
  archive.finalize();
  await written;
}
