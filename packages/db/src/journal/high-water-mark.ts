// Owns the high-water mark: a small file beside the journal that says how far each session's output was committed, written after each
// commit and before anybody is shown it. SQLite silently forgets the end of a damaged, cut or deleted write-ahead log; this file knows.
// Must not know SQL. Invariant: a session's mark never lies behind what was shown, and never before what was committed at that time.
//
// Layout, little-endian. Header, 64 bytes:
//    0   8  magic "COTGHWM1"
//    8   4  version (1)
//   12   4  CRC-32 of the header's other bytes
//   16  16  journal id: a mark of another file raises no alarm
//   32  16  boot id of the kernel; zeros when unknown
//   48   8  number of commits
//   56   8  zero
// then slots of 16 bytes, one for each session, in any order:
//    0   4  session key; 0: free
//    4   4  CRC-32 of the slot's number (4 bytes) and its other bytes
//    8   8  end offset
// It is written whole with one pwrite (2 microseconds for 100 sessions), so a kill leaves the old or the new one; a slot torn by a power cut
// fails its checksum and is passed over. Synced after the log, in libuv's pool: what a power cut takes from the log alone is still known.
import { closeSync, constants, fdatasync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const MAGIC = Buffer.from('COTGHWM1');
const VERSION = 1;
const HEADER_BYTES = 64;
const SLOT_BYTES = 16;
/** Room at the beginning (slots); doubled when it does not do. */
const FIRST_SLOTS = 256;
const FILE_MODE = 0o600;

export interface MarkIdentity {
  /** 32 hexadecimal digits. */
  readonly journalId: string;
  /** The kernel's, as a UUID; null when it has none. */
  readonly bootId: string | null;
}

export type FoundMarks =
  | { readonly kind: 'marks'; readonly sameBoot: boolean; readonly ends: ReadonlyMap<number, number>; readonly tornSlots: number }
  | { readonly kind: 'missing' }
  /** Of another journal, with so many sessions. */
  | { readonly kind: 'foreign'; readonly sessions: number }
  /** Not readable as a mark. */
  | { readonly kind: 'torn'; readonly reason: string };

/** Where the mark of a journal lies. */
export function markPath(journalPath: string): string {
  return `${journalPath.replace(/\.db$/, '')}.hwm`;
}

/** What an earlier host has left. Changes nothing. */
export function readMarks(path: string, identity: MarkIdentity): FoundMarks {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { kind: 'missing' };
    return { kind: 'torn', reason: error instanceof Error ? error.message : String(error) };
  }
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return { kind: 'torn', reason: 'it is no mark' };
  if (bytes.readUInt32LE(8) !== VERSION) return { kind: 'torn', reason: `its version is ${bytes.readUInt32LE(8)}` };
  if (bytes.readUInt32LE(12) !== headerCrc(bytes)) return { kind: 'torn', reason: 'its checksum is wrong' };

  const ends = new Map<number, number>();
  let tornSlots = 0;
  for (let slot = 0; HEADER_BYTES + (slot + 1) * SLOT_BYTES <= bytes.length; slot += 1) {
    const at = HEADER_BYTES + slot * SLOT_BYTES;
    const key = bytes.readUInt32LE(at);
    if (key === 0) continue;
    const end = Number(bytes.readBigUInt64LE(at + 8));
    if (bytes.readUInt32LE(at + 4) === slotCrc(bytes, slot)) ends.set(key, end);
    else tornSlots += 1;
  }
  if (bytes.toString('hex', 16, 32) !== identity.journalId) return { kind: 'foreign', sessions: ends.size };
  const sameBoot = bytes.toString('hex', 32, 48) === hexOf(identity.bootId);
  return { kind: 'marks', sameBoot, ends, tornSlots };
}

export class HighWaterMark {
  readonly #fd: number;
  readonly #slots = new Map<number, number>();
  readonly #free: number[] = [];
  #buffer: Buffer;
  #commits = 0n;

  /** Begins the file anew: what an earlier host left must have been read. Throws what the file system throws. */
  constructor(path: string, identity: MarkIdentity, ends: Iterable<readonly [key: number, end: number]>) {
    this.#buffer = Buffer.alloc(HEADER_BYTES + FIRST_SLOTS * SLOT_BYTES);
    MAGIC.copy(this.#buffer);
    this.#buffer.writeUInt32LE(VERSION, 8);
    this.#buffer.write(identity.journalId, 16, 16, 'hex');
    this.#buffer.write(hexOf(identity.bootId), 32, 16, 'hex');
    for (const [key, end] of ends) this.set(key, end);
    // Not truncated first: a kill before the write leaves the old one.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, FILE_MODE);
    this.write();
    // Slots of an earlier, longer file.
    ftruncateSync(this.#fd, this.#at(this.#slots.size));
  }

  /** In memory, until `write`. */
  set(key: number, end: number): void {
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#slots.size;
      this.#slots.set(key, slot);
      if (this.#at(slot + 1) > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(this.#buffer.length)]);
      this.#buffer.writeUInt32LE(key, this.#at(slot));
    }
    this.#buffer.writeBigUInt64LE(BigInt(end), this.#at(slot) + 8);
    this.#buffer.writeUInt32LE(slotCrc(this.#buffer, slot), this.#at(slot) + 4);
  }

  remove(key: number): void {
    const slot = this.#slots.get(key);
    if (slot === undefined) return;
    this.#slots.delete(key);
    this.#free.push(slot);
    this.#buffer.fill(0, this.#at(slot), this.#at(slot + 1));
  }

  /** Throws what the file system throws. */
  write(): void {
    this.#commits += 1n;
    this.#buffer.writeBigUInt64LE(this.#commits, 48);
    this.#buffer.writeUInt32LE(headerCrc(this.#buffer), 12);
    writeSync(this.#fd, this.#buffer, 0, this.#at(this.#slots.size + this.#free.length), 0);
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  close(): void {
    closeSync(this.#fd);
  }

  #at(slot: number): number {
    return HEADER_BYTES + slot * SLOT_BYTES;
  }
}

function headerCrc(bytes: Buffer): number {
  return crc32(bytes.subarray(16, HEADER_BYTES), crc32(bytes.subarray(0, 12)));
}

function slotCrc(bytes: Buffer, slot: number): number {
  const at = HEADER_BYTES + slot * SLOT_BYTES;
  const number = Buffer.alloc(4);
  number.writeUInt32LE(slot);
  return crc32(bytes.subarray(at + 8, at + 16), crc32(bytes.subarray(at, at + 4), crc32(number)));
}

function hexOf(bootId: string | null): string {
  return (bootId ?? '').replaceAll('-', '').padStart(32, '0').slice(0, 32);
}
