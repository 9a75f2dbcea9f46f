// Owns putting a damaged database aside: under a name of its own, with its log, never overwritten, never deleted. Must not know its contents.
import { existsSync, readdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface SetAside {
  /** The file's own name, and the name it has now. */
  readonly file: string;
  readonly name: string;
  readonly at: number;
}

/** `journal.db` becomes `journal.damaged-1700000000000.db`. */
export function setAside(path: string, at: number): SetAside {
  const stem = basename(path).replace(/\.db$/, '');
  let when = at;
  while (existsSync(join(dirname(path), `${stem}.damaged-${when}.db`))) when += 1;
  const name = `${stem}.damaged-${when}.db`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, join(dirname(path), `${name}${suffix}`));
  }
  return { file: basename(path), name, at: when };
}

/** What was put aside beside this file, oldest first. */
export function listSetAside(path: string): readonly SetAside[] {
  const stem = basename(path).replace(/\.db$/, '');
  return readdirSync(dirname(path))
    .flatMap((name) => {
      const match = name.startsWith(`${stem}.damaged-`) ? /\.damaged-(\d+)\.db$/.exec(name) : null;
      return match ? [{ file: basename(path), name, at: Number(match[1]) }] : [];
    })
    .toSorted((a, b) => a.at - b.at);
}
