// `pnpm pack:cotg [FOLDER]`: one tarball of the build, for `npm i -g`. Prints its path; FOLDER is `dist/` unless it is named.
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePackageFolder } from './pack/package-folder.mjs';
import { runCommand } from './suites/command.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** It compresses some 20 MB: seconds on two busy cores. */
const PACK_TIMEOUT_MS = 2 * 60_000;

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
const target = resolve(process.argv[2] ?? join(ROOT, 'dist'));
const folder = join(target, 'package');
mkdirSync(target, { recursive: true });
const { name, version } = makePackageFolder({ root: ROOT, folder });
const { code, output } = await runCommand('npm', ['pack', '--ignore-scripts', '--loglevel=error', '--pack-destination', target], {
  cwd: folder,
  timeoutMs: PACK_TIMEOUT_MS,
  signal: stop.signal,
  capture: true,
});
if (code === 0) console.log(join(target, `${name}-${version}.tgz`));
else {
  console.error(output.trimEnd());
  process.exitCode = 1;
}
