// A host in a process of its own, for tests that end processes: node host-process.ts SOCKET SECRET. Its journal is memory.
// Ends with 3 when another one holds the same socket path, as a host does that finds the lease of its data directory taken.
import { createServer } from 'node:net';
import { startHost } from '../host/host.ts';
import type { HostLog } from '../host/log.ts';
import { MemoryJournal } from '../host/memory-journal.ts';

const TAKEN = 3;
const [, , socketPath = '', secret = ''] = process.argv;
const line =
  (level: string) =>
  (fields: object, message: string): void =>
    console.log(JSON.stringify({ level, message, ...fields }));
const log: HostLog = { info: line('info'), warn: line('warn'), error: line('error') };

// An abstract socket (unix(7)): held by one process, given back by the kernel however that process ends.
const lease = createServer();
await new Promise<void>((resolve) => {
  lease.once('error', () => process.exit(TAKEN));
  lease.listen(`\0${socketPath.slice(-90)}`, resolve);
});
const journal = new MemoryJournal();
const exit = (): void => {
  journal.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
const host = await startHost({ journal, socketPath, secret, version: 'test', log, onShutdown: exit });
process.once('SIGTERM', () => {
  host.close().then(exit, () => process.exit(1));
});
