// A host in a process of its own, for tests that end processes: node host-process.ts SOCKET SECRET. Its journal is memory.
import { startHost } from '../host/host.ts';
import type { HostLog } from '../host/log.ts';
import { MemoryJournal } from './memory-journal.ts';

const [, , socketPath = '', secret = ''] = process.argv;
const line =
  (level: string) =>
  (fields: object, message: string): void =>
    console.log(JSON.stringify({ level, message, ...fields }));
const log: HostLog = { info: line('info'), warn: line('warn'), error: line('error') };
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
