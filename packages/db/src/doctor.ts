// Entry @cotg/db/doctor: whether the files of a data directory are whole, for a command that holds the leases of both owners.
import type Database from 'better-sqlite3';
import { catalogSchema } from './catalog/migrations/index.ts';
import { catalogSalvage } from './catalog/salvage-plan.ts';
import { checkFile } from './check-file.ts';
import { journalSchema } from './journal/migrations/index.ts';
import { journalSalvage } from './journal/salvage-plan.ts';
import { recoverNow } from './recovery.ts';
import type { DamageReport } from './recovery.ts';
import { verifyJournal } from './journal/verify.ts';
import type { Finding } from './journal/verify.ts';

export { damageReports } from './recovery.ts';
export type { DamageReport } from './recovery.ts';
export type { Finding } from './journal/verify.ts';

export function checkJournalFile(path: string): Finding[] {
  return checkFile(path, journalSchema, verifyJournal);
}

export function checkCatalogFile(path: string): Finding[] {
  return checkFile(path, catalogSchema, integrityOf);
}

/** For files that `check…File` has found damaged. */
export function repairJournalFile(path: string): Promise<DamageReport> {
  return recoverNow({ path, synchronous: 'normal', identity: journalSchema, plan: journalSalvage, now: Date.now });
}

export function repairCatalogFile(path: string): Promise<DamageReport> {
  return recoverNow({ path, synchronous: 'full', identity: catalogSchema, plan: catalogSalvage, now: Date.now });
}

function* integrityOf(db: Database.Database): Generator<Finding> {
  for (const detail of db.prepare<[], string>('pragma integrity_check(100)').pluck().all()) {
    if (detail !== 'ok') yield { kind: 'integrity', session: null, detail };
  }
}
