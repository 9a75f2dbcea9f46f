// What the server may import: router, schemas, ports, errors.
export { appRouter } from './root.ts';
export type { AppRouter } from './root.ts';
export { may } from './caller.ts';
export type { Caller } from './caller.ts';
export type { ApiContext } from './context.ts';
export type { SessionsPort } from './ports/sessions.ts';
export type { ConnectionLimits } from './ports/limits.ts';
export type { Backlog, OutputPort, PlacedEvent } from './ports/output.ts';
export type { DevicesPort } from './ports/devices.ts';
export type { PairingPort } from './ports/pairing.ts';
export type { SystemPort } from './ports/system.ts';
export * from './errors.ts';
export * from './schema/ids.ts';
export * from './schema/session.ts';
export * from './schema/output.ts';
export * from './schema/screen.ts';
export * from './schema/status.ts';
export * from './schema/device.ts';
