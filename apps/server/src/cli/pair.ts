// `cotg pair`: what lets one device in, for the owner at the computer, who then compares the number that the device shows.
import type { Client, DeviceRole, PairingLink, PairingStatus } from '@cotg/api/client';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import { printable } from './format.ts';
import type { CliIo } from './io.ts';
import { qrLines } from './qr.ts';
import { withServer } from './server-client.ts';

/** How often it is looked whether a device has come. */
const LOOK_EVERY_MS = 500;
/** Longer than a code lives and somebody thinks about a number. */
const PAIR_TIMEOUT_MS = 10 * 60_000;

export interface PairOptions {
  readonly json?: boolean;
  readonly approve?: boolean;
  readonly role?: DeviceRole;
}

export async function pair(flags: Flags, options: PairOptions, io: CliIo): Promise<number> {
  const { json = false, approve = false, role = 'admin' } = options;
  return withServer(
    flags,
    async (api, { info }) => {
      const link = await api.pairing.start.mutate({ role, approve });
      if (json) {
        io.out(JSON.stringify(link, null, 2));
        return EXIT.done;
      }
      io.out(`Open this once, within 5 minutes:  ${link.link}`);
      // A code for a loopback address is of no use to a camera.
      if (io.isTerminal && !link.link.startsWith(`${info.url}/`)) for (const line of await qrLines(link.link)) io.out(line);
      io.out(`or type this on its page /pair:    ${link.code}`);
      if (approve) {
        io.out('The next device that comes with it is let in without a question.');
        return EXIT.done;
      }
      if (!io.isTerminal) {
        io.out('Nobody is here to compare its number: `cotg pair --approve` lets the next device in.');
        return EXIT.done;
      }
      io.out('Waiting for the device; Ctrl+C ends this command, and nobody gets in.');
      return ask(api, link, io);
    },
    PAIR_TIMEOUT_MS,
  );
}

async function ask(api: Client['api'], link: PairingLink, io: CliIo): Promise<number> {
  const waiting = await settled(api, link.id, ['open']);
  if (waiting.state === 'waiting' && waiting.match !== null) {
    io.out('');
    io.out(`${deviceWords(waiting)} wants to come in as ${link.role}. It shows a number of four digits.`);
    const answer = await io.ask(`Does it show  ${waiting.match} ?  [y/N] `);
    const isApproved = /^y(es)?$/i.test(answer?.trim() ?? '');
    await api.pairing.approve.mutate({ id: link.id, match: waiting.match, isApproved });
    if (!isApproved) {
      io.out('It is not let in.');
      return EXIT.failed;
    }
  }
  const end = await settled(api, link.id, ['waiting', 'approved']);
  if (end.state === 'paired') {
    io.out(`${deviceWords(end)} is in. \`cotg devices\` lists all that are.`);
    return EXIT.done;
  }
  io.out(end.state === 'refused' ? 'It was refused.' : 'No device came in time.');
  return EXIT.failed;
}

/** As it is once it is in none of these states any more. */
async function settled(api: Client['api'], id: string, states: readonly PairingStatus['state'][]): Promise<PairingStatus> {
  for (;;) {
    const status = await api.pairing.status.query({ id });
    if (!states.includes(status.state)) return status;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function deviceWords({ name, address }: PairingStatus): string {
  return printable(`${name === null || name === '' ? 'A device' : `“${name}”`} at ${address ?? 'an unknown address'}`);
}
