// `cotg import-legacy FILE`: brings in the sessions of the older tool's database, which is only read.
import { resolve } from 'node:path';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import { formatBytes, printable } from './format.ts';
import type { CliIo } from './io.ts';
import { LONG_COMMAND_MS, withServer } from './server-client.ts';

export async function importLegacy(flags: Flags, file: string, options: { json?: boolean }, io: CliIo): Promise<number> {
  const path = resolve(file);
  const counts = await withServer(flags, (api) => api.system.importLegacy.mutate({ path }), LONG_COMMAND_MS);
  if (options.json) io.out(JSON.stringify(counts, null, 2));
  else {
    for (const { id, reason } of counts.refused) io.err(`refused ${printable(id)}: ${printable(reason)}`);
    io.out(`${counts.imported} imported (${formatBytes(counts.bytes)}), ${counts.present} there already, ${counts.refusedCount} refused`);
  }
  return counts.refusedCount === 0 ? EXIT.done : EXIT.failed;
}
