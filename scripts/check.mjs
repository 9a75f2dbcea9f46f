// `pnpm check [format] [lint] [layers] [types]`: the checks that need no running program, one after the other, each with its duration.
// Invariant: all of them run even when an early one fails, and the exit code is 0 only when all passed.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from './suites/command.mjs';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
/** The slowest (types, cold) takes some 10 s on two cores. */
const CHECK_TIMEOUT_MS = 5 * 60_000;

/** @type {readonly { name: string, args: string[] }[]} */
export const CHECKS = [
  { name: 'format', args: ['node_modules/oxfmt/bin/oxfmt', '--check'] },
  { name: 'lint', args: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'layers', args: ['scripts/check-layers.mjs'] },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '-b'] },
];

/**
 * Runs the named checks (all, when none is named) and shows the output of those that fail.
 * @param {string[]} names
 * @param {{ signal: AbortSignal, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<{ name: string, passed: boolean }[]>}
 */
export async function runChecks(names, { signal, env = process.env }) {
  const results = [];
  for (const { name, args } of CHECKS) {
    if (names.length > 0 && !names.includes(name)) continue;
    const { code, output, durationMs } = await runCommand(process.execPath, args, {
      cwd: ROOT,
      env,
      signal,
      timeoutMs: CHECK_TIMEOUT_MS,
      capture: true,
    });
    const passed = code === 0;
    if (!passed) console.log(output.trimEnd());
    console.log(`${passed ? 'ok    ' : 'FAILED'}  ${name.padEnd(7)} ${(durationMs / 1000).toFixed(1)} s`);
    results.push({ name, passed });
  }
  return results;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) {
    console.error(`no check is called ${unknown.join(', ')}: there are ${CHECKS.map(({ name }) => name).join(', ')}`);
    process.exit(2);
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => stop.abort(new Error(`stopped by ${name}`)));
  const results = await runChecks(names, { signal: stop.signal });
  process.exitCode = results.length > 0 && results.every(({ passed }) => passed) ? 0 : 1;
}
