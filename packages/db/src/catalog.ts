// Entry @cotg/db/catalog: the server's own rows.
export { openCatalog } from './catalog/catalog.ts';
export type { Catalog, CatalogOptions } from './catalog/catalog.ts';
export type { AuditEntry, AuditLog, NewAuditEntry } from './catalog/audit.ts';
export type { CheckpointPlace, Checkpoints, StoredCheckpoint } from './catalog/checkpoints.ts';
export type { Device, DeviceRole, Devices, NewDevice } from './catalog/devices.ts';
export type { LoginAttempts, LoginAttemptStore } from './catalog/login-attempts.ts';
export type { CatalogSession, CatalogSessions, NewCatalogSession } from './catalog/sessions.ts';
export { SchemaError, StorageError } from './errors.ts';
export type { SchemaErrorCode, StorageErrorCode } from './errors.ts';
export { damageReports } from './recovery.ts';
export type { DamageReport, MissingOutput } from './recovery.ts';
