// Owns what recovery is told of journal.db: its tables, and that what was salvaged is mended before it is used.
import type { SalvagePlan } from '../recovery.ts';
import { mendJournal } from './mend.ts';

export const journalSalvage: SalvagePlan = {
  tables: ['meta', 'session', 'run', 'base_checkpoint', 'base_candidate', 'purge', 'segment', 'tail', 'mark'],
  mend: (db, at) => mendJournal(db, at).missing,
};
