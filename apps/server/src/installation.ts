// Owns where this program was started from: a clone, or the package that npm installed.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Both have this file in apps/server/dist (src in development). */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Absolute argv of `cotg`. A clone goes through its own script, which builds what a `git pull` has changed; the package needs the Node that runs it now,
 * which need not be the one on another program's PATH.
 */
export function ownCommand(): readonly [string, ...string[]] {
  const ofClone = join(ROOT, 'cotg');
  if (existsSync(ofClone)) return [ofClone];
  return [process.execPath, ...process.execArgv, join(ROOT, 'bin', 'cotg.cjs')];
}
