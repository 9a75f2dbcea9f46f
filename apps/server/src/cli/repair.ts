// `cotg doctor --repair`: what a start would do with a damaged database, now and with a report: the file is set aside, never changed, and every row
// that can be read goes on in a new one. Only while nobody runs: both leases are held meanwhile.
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { checkCatalogFile, checkJournalFile, repairCatalogFile, repairJournalFile } from '@cotg/db/doctor';
import type { DamageReport } from '@cotg/db/doctor';
import { acquireLease } from '@cotg/db/lease';
import type { Flags } from '../config.ts';
import { EXIT, StartError } from '../errors.ts';
import { doctor } from './doctor.ts';
import { keptFiles } from './host-access.ts';
import type { CliIo } from './io.ts';

/** Told in full; a report beside the file that was set aside has the rest (count). */
const MAX_MISSING = 20;

export async function repair(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  const dataDir = keptFiles(flags);
  {
    using host = acquireLease(dataDir.hostLock);
    using server = acquireLease(dataDir.serverLock);
    if (host === null || server === null) {
      throw new StartError('ALREADY_SERVED', 'It runs: a database in use is not repaired.', {
        exitCode: EXIT.alreadyServed,
        hint: '`cotg stop --all` ends the server, the host and every session.',
      });
    }
    const databases = [
      { path: dataDir.journal, check: checkJournalFile, mend: repairJournalFile },
      { path: dataDir.catalog, check: checkCatalogFile, mend: repairCatalogFile },
    ];
    for (const { path, check, mend } of databases) {
      if (!existsSync(path)) continue;
      if (check(path).length === 0) {
        if (!options.json) io.out(`whole     ${basename(path)}: nothing to repair`);
        continue;
      }
      const report = await mend(path);
      if (!options.json) tell(report, io);
    }
  }
  return doctor(flags, options, io);
}

function tell({ file, setAside, tables, missing }: DamageReport, io: CliIo): void {
  const kept = Object.values(tables).reduce((sum, table) => sum + table.kept, 0);
  io.out(`repaired  ${file}: ${kept} rows go on; the damaged file is ${setAside}`);
  for (const { sessionId, from, to } of missing.slice(0, MAX_MISSING)) io.out(`missing   ${file}: [${from}, ${to}) (${sessionId})`);
  if (missing.length > MAX_MISSING) io.out(`missing   ${file}: ${missing.length - MAX_MISSING} more ranges, in ${setAside}.report.json`);
}
