// What a power cut may leave of files: all that was written before the last completed sync, and of what was written behind it any sectors or none,
// one of them torn. (SQLite's own crash test works alike: https://www.sqlite.org/testing.html#crash_testing.)
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Random } from './random.ts';

const SECTOR_BYTES = 512;

export const LEAVES = ['nothing', 'everything', 'prefix', 'subset', 'torn'] as const;
export type Leaves = (typeof LEAVES)[number];

export const contentOf = (path: string): Buffer => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));

/** A file that was `synced` and then became `written`, after the power was cut. */
export function afterPowerCut(synced: Buffer, written: Buffer, leaves: Leaves, random: Random): Buffer {
  if (leaves === 'nothing') return synced;
  if (leaves === 'everything') return written;
  // Cut shorter: the file system does that, or it does not.
  if (written.length < synced.length) return random.next() < 0.5 ? synced : written;
  const length = Math.max(synced.length, written.length);
  const dirty: number[] = [];
  for (let at = 0; at < length; at += SECTOR_BYTES) {
    if (!synced.subarray(at, at + SECTOR_BYTES).equals(written.subarray(at, at + SECTOR_BYTES))) dirty.push(at);
  }
  const until = random.int(0, dirty.length);
  const kept = leaves === 'subset' ? dirty.filter(() => random.next() < 0.5) : dirty.slice(0, until);
  // The length is written with the last sector that is there.
  const end = Math.max(synced.length, ...kept.map((at) => Math.min(at + SECTOR_BYTES, written.length)));
  const image = Buffer.alloc(end);
  synced.copy(image);
  for (const at of kept) written.copy(image, at, at, Math.min(at + SECTOR_BYTES, written.length));
  const tornAt = leaves === 'torn' ? dirty[until] : undefined;
  if (tornAt === undefined) return image;
  const tornEnd = Math.min(tornAt + random.int(1, SECTOR_BYTES - 1), written.length);
  const torn = image.length >= tornEnd ? image : Buffer.concat([image, Buffer.alloc(tornEnd - image.length)]);
  written.copy(torn, tornAt, tornAt, tornEnd);
  return torn;
}

/** Empty content is no file. */
export function putFile(path: string, content: Buffer): void {
  if (content.length > 0) writeFileSync(path, content, { mode: 0o600 });
}
