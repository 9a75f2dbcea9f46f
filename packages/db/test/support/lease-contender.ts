// Waits for a line on its standard input, tries to get a lease, says "won" or "lost", and holds it until it is killed.
import { createInterface } from 'node:readline';
import { acquireLease } from '../../src/lease.ts';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('usage: lease-contender PATH');
process.stdout.write('ready\n');
createInterface(process.stdin).once('line', () => {
  const lease = acquireLease(path);
  process.stdout.write(lease === null ? 'lost\n' : 'won\n');
});
