// Owns how output becomes a compressed segment and comes back: codecs, their settings, the checksum. Pure.
// Must not import Kysely: workers load it.
//
// The checksum is over the uncompressed bytes, so a flipped bit is found wherever it happened: in the blob, in the codec, in memory.
// A segment never unpacks to more than it says it holds: a bomb is refused at the limit.
import { brotliCompressSync, brotliDecompressSync, constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { StorageError } from '../errors.ts';
import { SEGMENT_CODEC } from './schema.ts';

/** Most output in a piece, and the grid its ends lie on (bytes): a megabyte of tail is a few milliseconds at this size. */
export const PIECE_BYTES = 256 * 1024;
/** Most output in a sealed segment, and the grid its ends lie on (bytes): larger ones gain nothing (7.07 : 1 at 1 and at 4 MiB, zstd). */
export const BLOCK_BYTES = 1024 * 1024;

/** 440 MB/s: keeps up with any terminal. Level 9 gains a sixth and costs half a core in a flood. */
const PIECE_ZSTD_LEVEL = 3;
/** 2.8 MB/s for 9.6 : 1; quality 9 gives 8.6 : 1, quality 11 9.9 : 1 at a third of the speed. */
const SEAL_BROTLI_QUALITY = 10;
/** The window (bits): a whole block. */
const SEAL_BROTLI_WINDOW = 20;

export interface Segment {
  readonly off: number;
  /** Bytes after decoding. */
  readonly len: number;
  readonly codec: number;
  /** Of the decoded bytes. */
  readonly crc: number;
  readonly data: Uint8Array;
}

export function encodePiece(off: number, bytes: Uint8Array): Segment {
  const data = zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: PIECE_ZSTD_LEVEL } });
  return { off, len: bytes.length, codec: SEGMENT_CODEC.zstd, crc: crc32(bytes), data };
}

export function encodeSealed(off: number, bytes: Uint8Array): Segment {
  const data = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: SEAL_BROTLI_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: SEAL_BROTLI_WINDOW,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  return { off, len: bytes.length, codec: SEGMENT_CODEC.brotli, crc: crc32(bytes), data };
}

/** Throws JOURNAL_DAMAGED for anything but the bytes that were encoded. */
export function decodeSegment(segment: Segment): Uint8Array {
  const { off, len } = segment;
  if (!Number.isSafeInteger(len) || len <= 0 || len > BLOCK_BYTES) throw damaged(off, `its length is ${len}`);
  const bytes = unpack(segment);
  if (bytes.length !== len) throw damaged(off, `it holds ${bytes.length} bytes instead of ${len}`);
  if (crc32(bytes) !== segment.crc) throw damaged(off, 'its checksum is wrong');
  return bytes;
}

function unpack({ off, len, codec, data }: Segment): Uint8Array {
  const limit = { maxOutputLength: len };
  try {
    if (codec === SEGMENT_CODEC.zstd) return zstdDecompressSync(data, limit);
    if (codec === SEGMENT_CODEC.brotli) return brotliDecompressSync(data, limit);
  } catch (cause) {
    throw damaged(off, cause instanceof Error ? cause.message : 'it cannot be unpacked', cause);
  }
  throw damaged(off, `its codec is ${codec}`);
}

function damaged(off: number, problem: string, cause?: unknown): StorageError {
  return new StorageError('JOURNAL_DAMAGED', `the segment at ${off} is damaged: ${problem}`, { cause });
}
