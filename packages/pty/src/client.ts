// What a program that talks to a host may use of this package.
export { connectHost } from './client/host-client.ts';
export type { ConnectOptions, HostClient, HostEventListener, HostReply, RequestFields, RequestOptions } from './client/host-client.ts';
export { connectOrLaunchHost } from './client/launcher.ts';
export type { LaunchOptions, Launched } from './client/launcher.ts';
export { HostConnectionError, HostRequestError } from './errors.ts';
export type { HostConnectionErrorCode } from './errors.ts';
export { PROTOCOL_VERSION } from './protocol/messages.ts';
export type * from './protocol/messages.ts';
