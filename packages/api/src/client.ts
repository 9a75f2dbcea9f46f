// What pages, the command and scripts may import: the typed client, in Node and in the browser, a viewer's side of a session, and the types of what
// they carry.
export { createClient, errorCodeOf } from './client/create-client.ts';
export type { Client, ClientOptions, ConnectionState, Transport } from './client/create-client.ts';
export { ScreenParts } from './client/screen-parts.ts';
export type { WholeEvent } from './client/screen-parts.ts';
export { AttachStream } from './viewer/attach-stream.ts';
export type {
  AttachStreamOptions,
  Hello,
  SessionFact,
  ShownScreen,
  StreamApi,
  StreamHandlers,
  TerminalPort,
} from './viewer/attach-stream.ts';
export { InputQueue } from './viewer/input-queue.ts';
export type { InputContent, InputFate, OnFate, RefusalReason, SendOutcome } from './viewer/input-queue.ts';
export { PASTE_END, PASTE_START, preparePaste } from './viewer/paste.ts';
export { refusalText } from './viewer/refusal-words.ts';
export { makeStreamApi, sendInput } from './viewer/session-api.ts';
export type { SessionAddress } from './viewer/session-api.ts';
export { makeViewerId } from './viewer/viewer-id.ts';
export type { AppRouter } from './root.ts';
export type { ApiErrorCode, Problem } from './errors.ts';
export type { Ack, Attach, AttachEvent, Input, InputResult, Resize } from './schema/output.ts';
export type { CreateSession, EndReason, RunState, Session, SessionListEvent, UpdateSession } from './schema/session.ts';
export type { Screen } from './schema/screen.ts';
export type { AuditEntry, Device, DeviceRole, Me, PairingLink, PairingStatus, PairWaiting } from './schema/device.ts';
export type { HistoryPage } from './schema/history.ts';
export type { WaitFor, WaitResult } from './schema/wait.ts';
export type { Profile } from './schema/profile.ts';
export type { Status } from './schema/status.ts';
