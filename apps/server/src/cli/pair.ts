// `cotg pair`: a one-time link that lets a device in, for the owner at the computer.
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import type { CliIo } from './io.ts';
import { qrLines } from './qr.ts';
import { withServer } from './server-client.ts';

export async function pair(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  return withServer(flags, async (api, { info }) => {
    const link = await api.pairing.start.mutate();
    if (options.json) {
      io.out(JSON.stringify(link, null, 2));
      return EXIT.done;
    }
    io.out(`Open this once, within 5 minutes:  ${link.link}`);
    // A code for a loopback address is of no use to a camera.
    if (io.isTerminal && !link.link.startsWith(`${info.url}/`)) for (const line of await qrLines(link.link)) io.out(line);
    return EXIT.done;
  });
}
