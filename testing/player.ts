// Owns a program that prints recordings of real terminals at their own timing, again and again, until its input says stop.
// What it prints it also writes to a file, first. Usage: player.ts FOLDER COPY SEED
import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { makeRandom } from '@cotg/pty/testing';

/** Of one recording (bytes): the longest ones are minutes of one flood. */
const MAX_BYTES = 400_000;
/** A person who thinks is no test (ms). */
const MAX_PAUSE_MS = 400;
const BETWEEN_MS = 300;

interface Recording {
  readonly file: string;
  readonly timing: readonly (readonly [ms: number, bytes: number])[];
}

const [folder = '', copy = '', seed = '1'] = process.argv.slice(2);
const random = makeRandom(Number(seed));
const names = readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'index.json');
const out = openSync(copy, 'w', 0o600);
const told = new AbortController();
// Answers to what the recordings ask come here, too.
process.stdin.on('data', (bytes: Buffer) => {
  if (bytes.includes('stop')) told.abort();
});

async function print(bytes: Uint8Array): Promise<void> {
  writeSync(out, bytes);
  await new Promise<void>((resolve) => {
    process.stdout.write(bytes, () => resolve());
  });
}

while (!told.signal.aborted) {
  const name = names[random.below(names.length)] ?? '';
  const { file, timing } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Recording;
  const stored = readFileSync(join(folder, file));
  const bytes = (file.endsWith('.gz') ? gunzipSync(stored) : stored).subarray(0, MAX_BYTES);
  let [at, lastMs] = [0, 0];
  for (const [ms, length] of timing) {
    if (at >= bytes.length || told.signal.aborted) break;
    await sleep(Math.min(MAX_PAUSE_MS, ms - lastMs));
    lastMs = ms;
    await print(bytes.subarray(at, at + length));
    at += length;
  }
  await sleep(BETWEEN_MS);
}
// The next program begins on a terminal as new.
await print(Buffer.from('\u001bcthe player has ended\r\n'));
process.stdin.destroy();
