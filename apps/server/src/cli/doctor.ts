// `cotg doctor`: whether what is kept is whole. The journal is read by the living host; a database whose owner does not run is read here, with that
// owner's lease held meanwhile. What could not be looked at is said, never passed over as whole.
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkCatalogFile, checkJournalFile, damageReports } from '@cotg/db/doctor';
import type { Finding } from '@cotg/db/doctor';
import { acquireLease } from '@cotg/db/lease';
import { loadConfig } from '../config.ts';
import type { Flags } from '../config.ts';
import { findDataDir } from '../data-dir.ts';
import { EXIT, StartError, messageOf } from '../errors.ts';
import type { CliIo } from './io.ts';
import { LONG_COMMAND_MS, withServer } from './server-client.ts';

/** Files and folders in which others could read or write. */
const OTHERS = 0o077;

interface Problem {
  readonly file: string;
  readonly kind: Finding['kind'] | 'permissions' | 'schema';
  readonly sessionId?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly detail: string;
}

export async function doctor(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  const dataDir = findDataDir(loadConfig({ flags }).dataDir);
  if (!dataDir) throw new StartError('NOT_SERVING', 'There is no data directory yet: nothing is kept.', { exitCode: EXIT.notReachable });
  const unchecked: string[] = [];
  const problems = permissions(dataDir.path);
  const databases = [
    { path: dataDir.journal, lock: dataDir.hostLock, check: checkJournalFile },
    { path: dataDir.catalog, lock: dataDir.serverLock, check: checkCatalogFile },
  ];
  for (const { path, lock, check } of databases) {
    using lease = acquireLease(lock);
    if (lease !== null) problems.push(...checked(path, check));
    else if (path === dataDir.journal) problems.push(...(await throughHost(flags, unchecked)));
    else unchecked.push(basename(path));
  }
  const setAside = damageReports(dataDir.path).map(({ file, setAside: name, at }) => ({
    file,
    setAside: name,
    at: new Date(at).toISOString(),
  }));
  const leftovers = readdirSync(dataDir.path).filter((name) => /\.(before-migration|salvaging|salvaged|tmp)$/.test(name));

  if (options.json) io.out(JSON.stringify({ whole: problems.length === 0, unchecked, problems, setAside, leftovers }, null, 2));
  else {
    for (const { file, sessionId, detail } of problems)
      io.out(`damaged   ${file}: ${detail}${sessionId === undefined ? '' : ` (${sessionId})`}`);
    for (const { file, setAside: name } of setAside) io.out(`set aside ${name}, an earlier ${file}; remove it when you do not need it`);
    for (const name of leftovers) io.out(`leftover  ${name}`);
    for (const name of unchecked) io.out(`unchecked ${name}: the program that owns it runs`);
    if (problems.length === 0)
      io.out(unchecked.length === 0 ? 'Everything that is kept is whole.' : 'Nothing wrong in what could be checked.');
  }
  return problems.length === 0 ? EXIT.done : EXIT.failed;
}

/** The host reads its own file; it is reached through the server. */
async function throughHost(flags: Flags, unchecked: string[]): Promise<readonly Problem[]> {
  try {
    const findings = await withServer(flags, (api) => api.system.verify.query(), LONG_COMMAND_MS);
    return findings.map((finding) => ({ ...finding, kind: finding.kind as Problem['kind'] }));
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    unchecked.push('journal.db');
    return [];
  }
}

function checked(path: string, check: (path: string) => Finding[]): Problem[] {
  const file = basename(path);
  try {
    return check(path).map(({ session, ...finding }) => ({ file, ...finding, ...(session === null ? {} : { sessionId: session }) }));
  } catch (error) {
    return [{ file, kind: 'schema', detail: messageOf(error) }];
  }
}

/** What is inside a folder that others can enter or read is not private, whatever its own mode says. */
function permissions(path: string): Problem[] {
  const names = ['', ...readdirSync(path)].filter((name) => existsSync(join(path, name)));
  return names.flatMap((name): Problem[] => {
    const entry = lstatSync(join(path, name));
    if (entry.isSymbolicLink() || (entry.mode & OTHERS) === 0) return [];
    const isData = name === '' || /\.(db|db-wal|db-shm|hwm|token|secret|lock)$|\.damaged-/.test(name);
    if (!isData) return [];
    return [{ file: name === '' ? path : name, kind: 'permissions', detail: `its mode is ${(entry.mode & 0o777).toString(8)}` }];
  });
}
