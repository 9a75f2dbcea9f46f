// `cotg status`: what runs, where, and how much it keeps.
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import type { CliIo } from './io.ts';
import { formatAge, formatBytes } from './format.ts';
import { withServer } from './server-client.ts';

export async function status(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  return withServer(flags, async (api, { info }) => {
    const found = await api.system.status.query();
    if (options.json) {
      io.out(JSON.stringify({ ...found, url: info.url }, null, 2));
      return EXIT.done;
    }
    const now = Date.now();
    io.out(
      `server    ${info.url}  pid ${found.server.pid}, version ${found.server.version}, up ${formatAge(now - Date.parse(found.server.startedAt))}`,
    );
    io.out(`host      pid ${found.host.pid}, version ${found.host.version}, up ${formatAge(now - Date.parse(found.host.startedAt))}`);
    io.out(`sessions  ${found.sessions}`);
    io.out(
      `storage   ${found.storage.state}, journal ${formatBytes(found.storage.journalBytes)}, catalog ${formatBytes(found.storage.catalogBytes)}`,
    );
    io.out(`data      ${found.dataDir}`);
    return EXIT.done;
  });
}
