// Entry @cotg/db/legacy: databases of the older tool, read only.
export { readLegacySessions } from './legacy-import.ts';
export type { LegacyRow, LegacySession } from './legacy-import.ts';
export { StorageError } from './errors.ts';
