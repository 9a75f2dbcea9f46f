// What pages and scripts may import: the typed client, in Node and in the browser, and the types of what it carries.
export { createClient, errorCodeOf } from './client/create-client.ts';
export type { Client, ClientOptions, ConnectionState, Transport } from './client/create-client.ts';
export { ScreenParts } from './client/screen-parts.ts';
export type { WholeEvent } from './client/screen-parts.ts';
export type { AppRouter } from './root.ts';
export type { ApiErrorCode, Problem } from './errors.ts';
export type { Ack, Attach, AttachEvent, Input, InputResult, Resize } from './schema/output.ts';
export type { CreateSession, EndReason, RunState, Session, SessionListEvent, UpdateSession } from './schema/session.ts';
export type { Screen } from './schema/screen.ts';
export type { AuditEntry, Device, DeviceRole, Me, PairingLink, PairingStatus, PairWaiting } from './schema/device.ts';
export type { Status } from './schema/status.ts';
