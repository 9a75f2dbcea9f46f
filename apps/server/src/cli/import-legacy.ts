// `cotg import-legacy FILE`: brings in the sessions of the older tool's database, which is only read.
import { resolve } from 'node:path';
import type { ImportCounts } from '@cotg/api';
import { openCatalog } from '@cotg/db/catalog';
import { loadConfig } from '../config.ts';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import { ImportService } from '../services/import-service.ts';
import { formatBytes, printable } from './format.ts';
import { withHost } from './host-access.ts';
import type { CliIo } from './io.ts';
import { LONG_COMMAND_MS, isServed, withServer } from './server-client.ts';

export async function importLegacy(flags: Flags, file: string, options: { json?: boolean }, io: CliIo): Promise<number> {
  const path = resolve(file);
  const counts = (await isServed(flags))
    ? await withServer(flags, (api) => api.system.importLegacy.mutate({ path }), LONG_COMMAND_MS)
    : await importAtRest(flags, path, io);
  if (options.json) io.out(JSON.stringify(counts, null, 2));
  else {
    for (const { id, reason } of counts.refused) io.err(`refused ${printable(id)}: ${printable(reason)}`);
    io.out(`${counts.imported} imported (${formatBytes(counts.bytes)}), ${counts.present} there already, ${counts.refusedCount} refused`);
  }
  return counts.refusedCount === 0 ? EXIT.done : EXIT.failed;
}

/** Without a server: what it owns, the names, is written here meanwhile. */
function importAtRest(flags: Flags, path: string, io: CliIo): Promise<ImportCounts> {
  return withHost(flags, io, async (host, dataDir) => {
    await using catalog = await openCatalog({ path: dataDir.catalog });
    const keep = async (id: string, name: string): Promise<void> => {
      await catalog.sessions.setName(id, name);
      await catalog.sessions.setPinned(id, true);
    };
    return await new ImportService({ host, maxHistoryBytes: loadConfig({ flags }).maxHistoryBytes, keep }).importLegacy(path);
  });
}
