// `pnpm dev [ARGS of serve]`: the server from its sources, started again at every change, and the page built again at every change.
// Sessions live in the host, which goes on through all of that. Invariant: when one of the two ends, so does the other.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { BUILD_STAMP, ROOT } from './bootstrap/clone.mjs';

// The page is about to be overwritten by one for development: the next start has to build again.
rmSync(BUILD_STAMP, { force: true });

const server = spawn(
  process.execPath,
  ['--conditions=@cotg/source', '--watch', '--watch-preserve-output', 'apps/server/src/main.ts', 'serve', ...process.argv.slice(2)],
  {
    cwd: ROOT,
    stdio: 'inherit',
  },
);
const page = spawn(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--watch', '--mode', 'development'], {
  cwd: join(ROOT, 'apps/web'),
  stdio: ['ignore', 'inherit', 'inherit'],
});

const children = [server, page];
const endAll = () => children.forEach((child) => child.kill('SIGTERM'));
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, endAll);
for (const child of children) {
  child.once('error', (error) => {
    console.error(error.message);
    endAll();
  });
  child.once('exit', (code) => {
    process.exitCode ||= code ?? 1;
    endAll();
  });
}
