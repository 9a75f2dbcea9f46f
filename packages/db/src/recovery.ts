// Owns what happens when a database file cannot be used: what is whole is salvaged row by row into a new file, the damaged one is set aside
// with its log under a name that says so, and a report is left beside it. Nothing is overwritten, nothing is deleted but our own drafts.
// Must not know what rows mean (SalvagePlan does).
//
// Order, so that a kill at any point loses nothing: a draft is filled and synced, gets the name `.salvaged`, the damaged files are renamed,
// then the draft takes their place. A start that finds `.salvaged` and no database goes on there.
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { openDatabase } from './database.ts';
import type { OpenDatabaseOptions } from './database.ts';
import { openError, sqliteCode, StorageError } from './errors.ts';
import { openReadonly } from './readonly-database.ts';
import { isDiskFull, releaseReserve } from './reserve.ts';
import { copyTable } from './recovery/salvage-rows.ts';
import type { CopiedTable } from './recovery/salvage-rows.ts';

/** Up to here every page is looked at before a database is used: 0.1 s. Larger ones are found damaged when a page is read (bytes). */
const CHECKED_BYTES = 64 * 1024 * 1024;
const FILE_MODE = 0o600;
const HEADER_BYTES = 100;
const PAGE_BYTES = 4096;
const REPORT_SUFFIX = '.report.json';
/** A report names so many ranges at most (count). */
const MAX_MISSING = 1000;

export interface MissingOutput {
  readonly sessionId: string;
  readonly from: number;
  readonly to: number;
}

/** What a person is told; kept as JSON beside the file that was set aside. */
export interface DamageReport {
  /** Name of the database, such as journal.db. */
  readonly file: string;
  /** Name of the damaged file now, in the same directory. */
  readonly setAside: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly reason: string;
  readonly tables: Readonly<Record<string, CopiedTable>>;
  readonly missing: readonly MissingOutput[];
}

export interface SalvagePlan {
  /** In the order of copying: what others refer to comes first. */
  readonly tables: readonly string[];
  /** Makes the salvaged rows keep the rules of their schema. */
  readonly mend: (db: Database.Database, at: number) => readonly MissingOutput[];
}

export interface RecoverOptions<T> extends OpenDatabaseOptions {
  readonly plan: SalvagePlan;
  /** Builds on the opened database; throws what SQLite throws, or JOURNAL_DAMAGED, where the content cannot be used. */
  readonly use: (db: Database.Database) => T | Promise<T>;
  readonly now: () => number;
  readonly onDamage: (report: DamageReport) => void;
}

/** Opens, and if the file is damaged recovers and opens again. Throws SchemaError and StorageError for what recovery must not touch. */
export async function openRecovering<T>(options: RecoverOptions<T>): Promise<T> {
  const { path } = options;
  requireRegularFile(path);
  finishInterrupted(options);
  try {
    return await openChecked(options);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    options.onDamage(await recover(options, reason));
  }
  return openChecked(options);
}

/** What lies set aside in a directory, newest last. Reports that cannot be read are made up from the name. */
export function damageReports(directory: string): DamageReport[] {
  const names = readdirSync(directory).filter((name) => /\.db\.damaged-[^.]+$/.test(name) && !/-(wal|shm)$/.test(name));
  return names.map((name) => readReport(directory, name)).toSorted((a, b) => a.at - b.at);
}

function readReport(directory: string, name: string): DamageReport {
  const file = name.replace(/\.damaged-.*$/, '');
  try {
    // Written by `recover` and by nothing else: the shape is ours.
    const report = JSON.parse(readFileSync(join(directory, name + REPORT_SUFFIX), 'utf8')) as DamageReport;
    return { ...report, file, setAside: name };
  } catch {
    const at = statSync(join(directory, name), { throwIfNoEntry: false })?.ctimeMs ?? 0;
    return { file, setAside: name, at, reason: 'set aside', tables: {}, missing: [] };
  }
}

/** SQLite would wait for ever at a FIFO, and a link may lead anywhere. */
function requireRegularFile(path: string): void {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry === undefined || entry.isFile()) return;
  const kind = entry.isDirectory()
    ? 'a directory'
    : entry.isFIFO()
      ? 'a FIFO'
      : entry.isSymbolicLink()
        ? 'a symbolic link'
        : 'no regular file';
  throw new StorageError('STORAGE_NOT_A_FILE', `${path} is ${kind}`, { hint: 'Move it away; nothing in it was changed.' });
}

/** On a full disk once more with the space that was kept for this. */
async function openChecked<T>(options: RecoverOptions<T>): Promise<T> {
  try {
    return await openOnce(options);
  } catch (error) {
    if (!isDiskFull(error) || !releaseReserve(dirname(options.path))) throw error;
    return openOnce(options);
  }
}

async function openOnce<T>({ use, ...options }: RecoverOptions<T>): Promise<T> {
  checkReadonly(options.path);
  const db = await openDatabase(options);
  try {
    return await use(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** On a connection that cannot write, so that a damaged file keeps every byte. */
function checkReadonly(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0 || size > CHECKED_BYTES) return;
  let db: Database.Database | undefined;
  try {
    db = openReadonly(path);
    const problem = db.prepare<[], string>('pragma quick_check(1)').pluck().get();
    if (problem !== 'ok') throw new StorageError('STORAGE_CORRUPT', `${path} is damaged: ${problem ?? 'no answer'}`);
  } catch (error) {
    throw error instanceof StorageError ? error : openError(path, error);
  } finally {
    db?.close();
  }
}

/** Not a full disk, not a lock, not a newer schema: only what the bytes of the file themselves cause. */
function isDamage(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof StorageError && (cause.code === 'STORAGE_CORRUPT' || cause.code === 'JOURNAL_DAMAGED')) return true;
    const code = sqliteCode(cause);
    if (code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT') === true || code === 'SQLITE_IOERR_SHORT_READ') return true;
    // A statement that names a table or column which is gone.
    if (code === 'SQLITE_ERROR' && /no such (table|column)|malformed/.test(cause.message)) return true;
    if (code === 'SQLITE_IOERR_READ' || code === 'SQLITE_IOERR_CORRUPTFS') return true;
    // Rows that no version of the program has written.
    if (cause instanceof SyntaxError) return true;
  }
  return false;
}

/** Sets a file aside that was found damaged by whoever asks, and salvages it. The caller holds the lease of its owner. Throws as openRecovering. */
export function recoverNow(options: Omit<RecoverOptions<never>, 'use' | 'onDamage'>): Promise<DamageReport> {
  requireRegularFile(options.path);
  return recover(options, 'found damaged by doctor');
}

async function recover(options: Omit<RecoverOptions<unknown>, 'use' | 'onDamage'>, reason: string): Promise<DamageReport> {
  const { path, plan, now } = options;
  const at = now();
  const draft = `${path}.salvaging`;
  removeDraft(draft);
  const to = await openDatabase({ ...options, path: draft });
  let tables: Record<string, CopiedTable>;
  let missing: readonly MissingOutput[];
  try {
    tables = salvageInto(to, path, plan);
    missing = plan.mend(to, at);
    to.pragma('wal_checkpoint(truncate)');
  } catch (error) {
    throw isDamage(error) ? error : openError(draft, error);
  } finally {
    to.close();
  }
  syncFile(draft);
  renameSync(draft, `${path}.salvaged`);
  const name = setAside(path, at);
  const report: DamageReport = { file: basename(path), setAside: name, at, reason, tables, missing: missing.slice(0, MAX_MISSING) };
  writeFileSync(join(dirname(path), name + REPORT_SUFFIX), `${JSON.stringify(report, null, 2)}\n`, { mode: FILE_MODE });
  renameSync(`${path}.salvaged`, path);
  syncFile(dirname(path));
  return report;
}

/** Of an earlier try: made from the damaged file, which is still there. */
function removeDraft(draft: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true });
}

/** Renames the database with its log. Returns the new name of the database, in the same directory. */
function setAside(path: string, at: number): string {
  const stamp = new Date(at).toISOString().replaceAll(/[:.]/g, '-');
  const taken = (name: string): boolean => ['', '-wal', '-shm', REPORT_SUFFIX].some((suffix) => existsSync(name + suffix));
  let name = `${path}.damaged-${stamp}`;
  for (let count = 2; taken(name); count += 1) name = `${path}.damaged-${stamp}-${count}`;
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(path + suffix)) renameSync(path + suffix, name + suffix);
  return basename(name);
}

/**
 * A kill between the renames; and a log without its database, which SQLite would delete: it is set aside, since it may be the only copy of
 * the newest output.
 */
function finishInterrupted<T>({ path, now }: RecoverOptions<T>): void {
  const salvaged = `${path}.salvaged`;
  const hasDatabase = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
  const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
  if (!hasDatabase && hasLog) setAside(path, now());
  if (!existsSync(salvaged)) return;
  // With the database still there it is the damaged one, and is salvaged again.
  if (hasDatabase) removeDraft(salvaged);
  else renameSync(salvaged, path);
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** From the file as it is; if its first page tells nothing, from copies that get a header or a whole first page of ours. */
function salvageInto(to: Database.Database, path: string, plan: SalvagePlan): Record<string, CopiedTable> {
  // SQLite reads a page that the file's end cuts as if zeros followed: only copies without it are used then.
  const isCut = statSync(path).size % PAGE_BYTES !== 0;
  const direct = isCut ? undefined : salvageFrom(to, path, plan);
  if (direct !== undefined) return direct;
  for (const repaired of [HEADER_BYTES, PAGE_BYTES]) {
    const rescue = `${to.name}-rescue`;
    try {
      copyWithFirstBytes(path, rescue, to, repaired);
      const tables = salvageFrom(to, rescue, plan);
      if (tables !== undefined) return tables;
    } finally {
      removeDraft(rescue);
    }
  }
  return Object.fromEntries(plan.tables.map((table) => [table, { kept: 0, brokenPlaces: 1, refused: 0 }]));
}

/** Undefined when the schema cannot be read. */
function salvageFrom(to: Database.Database, path: string, plan: SalvagePlan): Record<string, CopiedTable> | undefined {
  let from: Database.Database | undefined;
  try {
    from = openReadonly(path);
    from.pragma('cell_size_check = on');
    const present = from.prepare<[], string>("select name from sqlite_schema where type = 'table'").pluck().all();
    if (!plan.tables.some((table) => present.includes(table))) return undefined;
    const source = from;
    // Values of a damaged row must not be able to stop the others.
    to.pragma('foreign_keys = off');
    return Object.fromEntries(plan.tables.map((table) => [table, copyTable(source, to, table)]));
  } catch (error) {
    if (isDamage(error) || sqliteCode(error) === 'SQLITE_CANTOPEN') return undefined;
    throw error;
  } finally {
    from?.close();
  }
}

/** The tables of ours are made in one order, so their roots lie on the same pages in every file of the same schema. */
function copyWithFirstBytes(path: string, rescue: string, template: Database.Database, count: number): void {
  removeDraft(rescue);
  copyFileSync(path, rescue);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${rescue}-wal`);
  const page = template.serialize().subarray(0, count);
  const bytes = Buffer.from(page);
  // "Size in the header is not valid": SQLite takes the file's.
  bytes.writeUInt32BE(1, 24);
  bytes.writeUInt32BE(0, 92);
  const { size } = statSync(rescue);
  const fd = openSync(rescue, 'r+');
  try {
    writeSync(fd, bytes, 0, bytes.length, 0);
    ftruncateSync(fd, Math.max(PAGE_BYTES, size - (size % PAGE_BYTES)));
  } finally {
    closeSync(fd);
  }
}
