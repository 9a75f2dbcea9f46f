// Entry of the host process: takes the lease of its data directory, opens the journal, wires the host, and stays. No HTTP,
// no emulator, nothing that a web request alone could bring down.
//
// Arguments: DATA_DIR, the `sync`, `orphans` and `persistence` settings, and its score when memory runs out. The server starts it detached, with its log as stderr.
import { acquireLease } from '@cotg/db/lease';
import { MEMORY_KEPT_BYTES, MemoryJournal, startHost } from '@cotg/pty/host';
import { findDataDir } from './data-dir.ts';
import { EXIT, messageOf } from './errors.ts';
import { makeLineLog } from './line-log.ts';
import { boundStderrFile } from './log-file.ts';
import { setOomScore } from './oom-score.ts';
import { openStoredJournal } from './stored-journal.ts';
import { VERSION } from './version.ts';

const MINIMUM_NODE_MAJOR = 24;

/** Set once the lease is ours: the log belongs to the host alone. */
const bound: { path?: string } = {};
const log = makeLineLog('host', () => {
  if (bound.path !== undefined) boundStderrFile(bound.path);
});

async function main([dataDirPath, sync, orphans, persistence, oomScore]: readonly string[]): Promise<void> {
  process.umask(0o077);
  // Not the server's own, which is raised.
  if (oomScore) setOomScore(Number(oomScore));
  if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE_MAJOR) {
    log.error({}, `the host needs Node ${MINIMUM_NODE_MAJOR} or newer`);
    process.exit(EXIT.failed);
  }
  const dataDir = dataDirPath === undefined ? undefined : findDataDir(dataDirPath);
  if (!dataDir) {
    log.error({ dataDir: dataDirPath }, 'no data directory');
    process.exit(EXIT.usage);
  }
  // One host per data directory: whoever holds the lease owns journal.db and the socket.
  const lease = acquireLease(dataDir.hostLock);
  if (!lease) {
    log.info({}, 'another host serves this data directory');
    process.exit(EXIT.alreadyServed);
  }
  bound.path = dataDir.hostLog;
  // The terminal or the session that started the server may go; the host stays.
  process.on('SIGHUP', () => undefined);
  process.on('SIGINT', () => undefined);

  const journal =
    persistence === 'memory'
      ? new MemoryJournal({ keptBytes: MEMORY_KEPT_BYTES, timeMarks: true })
      : await openStoredJournal(dataDir, sync, log);
  const ended = Promise.withResolvers<void>();
  const host = await startHost({
    journal,
    socketPath: dataDir.hostSocket,
    secret: dataDir.hostSecret,
    version: VERSION,
    log,
    onShutdown: ended.resolve,
    orphans: orphans === 'end' ? 'end' : 'leave',
  });
  process.on('SIGTERM', () => {
    log.info({}, 'asked to stop');
    host.close().then(ended.resolve, ended.reject);
  });
  log.info({ version: VERSION, node: process.version }, 'host serves');
  await ended.promise;
  await journal.close();
  lease[Symbol.dispose]();
  log.info({}, 'host ended');
  process.exit(EXIT.done);
}

process.on('uncaughtException', (error) => {
  // Going on with half a state could write a wrong journal; the sessions' history is safe on disk.
  log.error({ error: error.stack ?? messageOf(error) }, 'host failed');
  process.exit(EXIT.failed);
});

await main(process.argv.slice(2));
