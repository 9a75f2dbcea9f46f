// `cotg backup FILE`: everything that is kept, consistent while it runs, as one tar file: manifest.json, journal.db, catalog.db. To restore it: stop
// everything (`cotg stop --all`), unpack it into an empty data directory, start.
// Invariant: FILE is there only when it is whole; a file of that name is never overwritten.
import { createReadStream, createWriteStream, existsSync, linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openCatalog } from '@cotg/db/catalog';
import { openJournal } from '@cotg/db/journal';
import { acquireLease } from '@cotg/db/lease';
import tar from 'tar-stream';
import { loadConfig } from '../config.ts';
import type { Flags } from '../config.ts';
import { findDataDir } from '../data-dir.ts';
import type { DataDir } from '../data-dir.ts';
import { EXIT, StartError, errnoOf } from '../errors.ts';
import { VERSION } from '../version.ts';
import { formatBytes } from './format.ts';
import type { CliIo } from './io.ts';
import { LONG_COMMAND_MS, withServer } from './server-client.ts';

const MODE = 0o600;

export async function backup(flags: Flags, file: string, options: { json?: boolean }, io: CliIo): Promise<number> {
  const target = resolve(file);
  if (existsSync(target))
    throw new StartError('BAD_SETTING', `${target} is there already.`, { exitCode: EXIT.usage, hint: 'Name a new file.' });
  const dataDir = findDataDir(loadConfig({ flags }).dataDir);
  if (!dataDir) throw new StartError('NOT_SERVING', 'There is no data directory yet: nothing is kept.', { exitCode: EXIT.notReachable });
  const { folder, files } = (await copyAtRest(dataDir)) ?? (await withServer(flags, (api) => api.system.backup.mutate(), LONG_COMMAND_MS));
  const draft = join(dirname(target), `.${basename(target)}.${process.pid}`);
  try {
    await pack(folder, files, draft);
    // Unlike a rename this fails when somebody was quicker.
    linkSync(draft, target);
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw new StartError('BAD_SETTING', `${target} is there already.`, { exitCode: EXIT.usage });
    throw error;
  } finally {
    rmSync(draft, { force: true });
    rmSync(folder, { recursive: true, force: true });
  }
  const bytes = statSync(target).size;
  io.out(options.json ? JSON.stringify({ file: target, bytes }) : `${target}, ${formatBytes(bytes)}`);
  return EXIT.done;
}

/** With both owners away their leases are ours for the moment; null when one of them runs. */
async function copyAtRest(dataDir: DataDir): Promise<{ folder: string; files: readonly string[] } | null> {
  using host = acquireLease(dataDir.hostLock);
  using server = host && acquireLease(dataDir.serverLock);
  if (!host || !server) return null;
  const folder = mkdtempSync(join(dataDir.path, 'backup-'));
  await using journal = await openJournal({ path: dataDir.journal, synchronous: 'normal' });
  await journal.backup(join(folder, 'journal.db'));
  await using catalog = await openCatalog({ path: dataDir.catalog });
  await catalog.backup(join(folder, 'catalog.db'));
  return { folder, files: ['journal.db', 'catalog.db'] };
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
