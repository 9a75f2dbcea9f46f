// `cotg doctor`: whether what is kept is whole. The journal is read by the living host; a database whose owner does not run is read here, with that
// owner's lease held meanwhile. What could not be looked at is said, never passed over as whole.
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { checkCatalogFile, damageReports } from '@cotg/db/doctor';
import { acquireLease } from '@cotg/db/lease';
import type { Flags } from '../config.ts';
import type { DataFiles } from '../data-dir.ts';
import { EXIT, StartError, messageOf } from '../errors.ts';
import { keptFiles } from './host-access.ts';
import type { CliIo } from './io.ts';
import type { JournalFinding } from './journal-findings.ts';
import { journalFindings } from './journal-findings.ts';

/** Files and folders in which others could read or write. */
const OTHERS = 0o077;

interface Problem {
  readonly file: string;
  /** Of the reader of that database, or `permissions`, `schema`. */
  readonly kind: string;
  readonly sessionId?: string | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly detail: string;
}

export async function doctor(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  const dataDir = keptFiles(flags);
  const unchecked: string[] = [];
  const problems = permissions(dataDir.path);
  if (existsSync(dataDir.journal)) problems.push(...(await journalProblems(dataDir, unchecked)));
  if (existsSync(dataDir.catalog)) problems.push(...catalogProblems(dataDir, unchecked));
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

/** By whom it may be; what nobody can look at is said. */
async function journalProblems(files: DataFiles, unchecked: string[]): Promise<Problem[]> {
  try {
    return (await journalFindings(files)).map(problemOf(basename(files.journal)));
  } catch (error) {
    if (!(error instanceof StartError)) return [{ file: basename(files.journal), kind: 'schema', detail: messageOf(error) }];
    unchecked.push(basename(files.journal));
    return [];
  }
}

function catalogProblems(files: DataFiles, unchecked: string[]): Problem[] {
  const file = basename(files.catalog);
  using lease = acquireLease(files.serverLock);
  if (!lease) {
    unchecked.push(file);
    return [];
  }
  try {
    return checkCatalogFile(files.catalog).map(problemOf(file));
  } catch (error) {
    return [{ file, kind: 'schema', detail: messageOf(error) }];
  }
}

const problemOf =
  (file: string) =>
  ({ session, ...finding }: JournalFinding): Problem => ({ file, ...finding, ...(session === null ? {} : { sessionId: session }) });

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
