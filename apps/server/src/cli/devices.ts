// `cotg devices`: who is let in, and putting an end to it.
import type { Device, DeviceRole } from '@cotg/api/client';
import type { Flags } from '../config.ts';
import { EXIT, StartError } from '../errors.ts';
import { formatAge, formatTable, printable } from './format.ts';
import type { CliIo } from './io.ts';
import { withServer } from './server-client.ts';

/** Of an id that a person types; ids themselves are longer. */
const SHORT_ID = 8;

export async function devices(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  return withServer(flags, async (api) => {
    const found = await api.device.list.query();
    if (options.json) {
      io.out(JSON.stringify(found, null, 2));
      return EXIT.done;
    }
    if (found.length === 0) {
      io.out('No devices. `cotg pair` lets one in.');
      return EXIT.done;
    }
    const now = Date.now();
    const rows = found.map((device) => [
      device.id.slice(0, SHORT_ID),
      device.role,
      seenWord(device, now),
      device.signedOutAt === null ? 'never' : `in ${formatAge(Date.parse(device.signedOutAt) - now)}`,
      printable(device.name),
    ]);
    for (const line of formatTable([['ID', 'MAY', 'SEEN', 'SIGNED OUT', 'NAME'], ...rows])) io.out(line);
    return EXIT.done;
  });
}

function seenWord({ connections, createdAt, lastSeenAt }: Device, now: number): string {
  if (connections > 0) return 'connected';
  return lastSeenAt === null
    ? `never (let in ${formatAge(now - Date.parse(createdAt))} ago)`
    : `${formatAge(now - Date.parse(lastSeenAt))} ago`;
}

function deviceBeginningWith(found: readonly Device[], text: string): Device {
  const matching = found.filter(({ id, name }) => {
    const begins = text.toLowerCase();
    return text !== '' && (id.startsWith(begins) || name.toLowerCase().startsWith(begins));
  });
  const exact = matching.filter(({ name }) => name === text);
  const [only, another] = exact.length > 0 ? exact : matching;
  if (only && !another) return only;
  const message =
    matching.length === 0 ? `There is no device “${printable(text)}”.` : `${matching.length} devices are meant by “${printable(text)}”.`;
  throw new StartError('REQUEST_FAILED', message, { exitCode: EXIT.failed, hint: '`cotg devices` shows them.' });
}

export async function revokeDevice(flags: Flags, text: string, io: CliIo): Promise<number> {
  return withServer(flags, async (api) => {
    const device = deviceBeginningWith(await api.device.list.query(), text);
    await api.device.revoke.mutate({ deviceId: device.id });
    io.out(`“${printable(device.name)}” is out.`);
    return EXIT.done;
  });
}

export async function revokeAllDevices(flags: Flags, io: CliIo): Promise<number> {
  return withServer(flags, async (api) => {
    const { revoked } = await api.device.revokeAll.mutate();
    io.out(`${revoked} ${revoked === 1 ? 'device is' : 'devices are'} out.`);
    return EXIT.done;
  });
}

export async function renameDevice(flags: Flags, text: string, name: string, io: CliIo): Promise<number> {
  return withServer(flags, async (api) => {
    const device = deviceBeginningWith(await api.device.list.query(), text);
    const renamed = await api.device.rename.mutate({ deviceId: device.id, name });
    io.out(`It is “${printable(renamed.name)}” now.`);
    return EXIT.done;
  });
}

export async function setDeviceRole(flags: Flags, text: string, role: DeviceRole, io: CliIo): Promise<number> {
  return withServer(flags, async (api) => {
    const device = deviceBeginningWith(await api.device.list.query(), text);
    await api.device.setRole.mutate({ deviceId: device.id, role });
    io.out(`“${printable(device.name)}” may ${role} now.`);
    return EXIT.done;
  });
}
