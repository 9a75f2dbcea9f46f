// Owns the streams the tests are made with: every recording, and a synthetic one for what no recorded program does.
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Stream } from './stream.ts';
import { SYNTHETIC } from './synthetic.ts';

interface IndexEntry {
  readonly name: string;
  readonly file: string;
  readonly cols: number;
  readonly rows: number;
  readonly resizes: readonly { readonly off: number; readonly cols: number; readonly rows: number }[];
}

const FOLDER = new URL('../../../../fixtures/recordings/', import.meta.url);

export function recordings(): readonly Stream[] {
  const index = JSON.parse(readFileSync(new URL('index.json', FOLDER), 'utf8')) as { readonly corpora: readonly IndexEntry[] };
  return index.corpora.map(({ name, file, cols, rows, resizes }) => {
    const stored = readFileSync(new URL(file, FOLDER));
    const bytes = file.endsWith('.gz') ? gunzipSync(stored) : stored;
    return { name, cols, rows, bytes, resizes: resizes.map(({ off, ...size }) => ({ offset: off, ...size })) };
  });
}

export function allStreams(): readonly Stream[] {
  return [...recordings(), SYNTHETIC];
}
