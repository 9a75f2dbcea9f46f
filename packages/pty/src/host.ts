// What a host process may use of this package.
export { startHost } from './host/host.ts';
export type { HostOptions, RunningHost } from './host/host.ts';
export type { HostLimits } from './host/limits.ts';
export { defaultHostLimits } from './host/limits.ts';
export { MEMORY_KEPT_BYTES, MemoryJournal } from './host/memory-journal.ts';
export type { HostLog } from './host/log.ts';
export type { CommittedEntry, HistoryPage, NewSession, OutputJournal, ProcessIdentity, RunEnd } from './host/output-journal.ts';
export type { Orphan, Reconciled } from './host/reconcile.ts';
export { HostStartError } from './errors.ts';
export type { HostStartErrorCode } from './errors.ts';
