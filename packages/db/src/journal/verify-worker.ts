// The worker that verifies a journal while it is written. Started by verify-in-worker.ts. Must not load Kysely.
import { parentPort, workerData } from 'node:worker_threads';
import { InvariantError } from '../errors.ts';
import { openReadonly } from '../readonly-database.ts';
import { verifyJournal } from './verify.ts';
import type { Finding } from './verify.ts';

/** A file with more faults than this is told as damaged all the same (count). */
const MAX_FINDINGS = 1000;

const port = parentPort;
if (port === null) throw new InvariantError('the verifying worker runs in a worker thread only');
// Set by verify-in-worker.ts, the only starter.
const { path } = workerData as { readonly path: string };

port.on('message', () => {
  const db = openReadonly(path);
  const findings: Finding[] = [];
  try {
    db.exec('begin');
    for (const finding of verifyJournal(db)) {
      findings.push(finding);
      if (findings.length >= MAX_FINDINGS) break;
    }
  } finally {
    db.close();
  }
  port.postMessage(findings);
});
