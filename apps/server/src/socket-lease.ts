// Owns the right to serve a data directory whose disk cannot be written, where no file can be locked: an abstract socket (Linux), which the kernel
// gives to one process at a time and takes back when that ends. Elsewhere nobody can be kept out, and nobody is.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { errnoOf } from './errors.ts';

/** Null when somebody else has it. */
export async function acquireSocketLease(directory: string): Promise<Disposable | null> {
  if (process.platform !== 'linux') return { [Symbol.dispose]: () => undefined };
  const name = createHash('sha256').update(realpathSync(directory)).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    server.listen(`\0cotg-server-${name}`);
    await once(server, 'listening');
  } catch (error) {
    if (errnoOf(error) === 'EADDRINUSE') return null;
    throw error;
  }
  return { [Symbol.dispose]: () => void server.close() };
}
