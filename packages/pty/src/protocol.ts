// What anyone who speaks with a host may use of this package.
export { PROTOCOL_VERSION } from './protocol/messages.ts';
export type * from './protocol/messages.ts';
export { FrameDecoder, FrameError, MAX_FRAME_TO_CLIENT_BYTES, MAX_FRAME_TO_HOST_BYTES, encodeFrame } from './protocol/framing.ts';
export type { Frame, FrameErrorCode } from './protocol/framing.ts';
