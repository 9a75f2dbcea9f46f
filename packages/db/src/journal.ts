// Entry @cotg/db/journal: the journal of all terminals, for the host.
export { openJournal, SqliteJournal } from './journal/sqlite-journal.ts';
export type { JournalMetrics } from './journal/metrics.ts';
export type { JournalOptions, JournalTesting } from './journal/sqlite-journal.ts';
export { verifyJournal } from './journal/verify.ts';
export type { Finding } from './journal/verify.ts';
export type * from './journal/types.ts';
export { SchemaError, StorageError } from './errors.ts';
export type { SchemaErrorCode, StorageErrorCode } from './errors.ts';
export { damageReports } from './recovery.ts';
export type { DamageReport, MissingOutput } from './recovery.ts';
