// A process that lets a device in, notes a wrong code and revokes a device, and is killed in front of the Nth changing statement of its
// catalog. Arguments: path, id of the device to revoke, N. Prints a line for each thing that it has said to be done.
import { writeSync } from 'node:fs';
import { openCatalog } from '@cotg/db/catalog';
import { killAtStatement } from '@cotg/db/testing';
import { makeLogger } from '../../src/log.ts';
import { Audit } from '../../src/services/audit.ts';
import { DeviceService } from '../../src/services/device-service.ts';
import { LoginLimits } from '../../src/services/login-limits.ts';
import { PairingService } from '../../src/services/pairing-service.ts';

const [path = '', oldId = '', n = '0'] = process.argv.slice(2);
const kill = killAtStatement(Number(n));
const log = makeLogger({ level: 'silent', format: 'json', name: 'server' });
const owner = { kind: 'owner', address: 'console' } as const;
// Written through at once: what stands here was said.
const say = (line: string): void => void writeSync(1, `${line}\n`);

const catalog = await openCatalog({ path });
const audit = new Audit(catalog.audit, log);
const devices = await DeviceService.open({ catalog, audit, idleMs: 0, lifetimeMs: 0, log });
const limits = await LoginLimits.open({ store: catalog.loginAttempts, keyOf: (address) => address, log });
const pairing = new PairingService({ devices, limits, audit, publicUrl: () => 'https://box.example.org' });
kill.arm();
const { link } = pairing.start(owner, { role: 'admin', approve: true });
say(`code ${link.slice(link.indexOf('#') + 1)}`);
await pairing.redeem('no-such-code', 'x', { address: '10.0.0.1' }).catch(() => say('wrong'));
const redeemed = await pairing.redeem(link.slice(link.indexOf('#') + 1), 'new', { address: '::1' });
if (redeemed.kind === 'paired') say(`paired ${redeemed.token}`);
await devices.revoke(oldId, owner);
say('revoked');
await devices.revokeAll(owner);
say('all revoked');
await catalog.close();
say('done');
