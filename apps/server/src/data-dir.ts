// Owns the data directory: its place, its rights, the secrets in it. Must not know what the databases hold.
//
// Everything here is a way in: the folder is 0700, made so at once, and refused when others could write to it.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  fsyncSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isDiskFull } from '@cotg/db/reserve';
import { EXIT, StartError, errnoOf, messageOf } from './errors.ts';

const DIR_MODE = 0o700;
const FILE_MODE = 0o600;
const OTHERS = 0o077;
/** What a file system says that takes nothing any more. */
const READ_ONLY: ReadonlySet<string> = new Set(['EROFS', 'EACCES', 'EPERM', 'EIO']);
/** File systems without hard links say one of these. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);
/** 256 bits: nobody guesses it, and a plain hash is enough to store it elsewhere. */
const SECRET_BYTES = 32;
const SECRET_PATTERN = /^[A-Za-z0-9_-]{43}$/;

export interface DataDir {
  readonly path: string;
  readonly journal: string;
  readonly catalog: string;
  readonly hostLock: string;
  readonly serverLock: string;
  readonly hostSocket: string;
  readonly hostLog: string;
  readonly serverLog: string;
  readonly screensLog: string;
  readonly hostRuntimes: string;
  readonly serverInfo: string;
  /** What `cotg cert` makes. */
  readonly tls: string;
  /** Let the command and local scripts in. */
  readonly ownerToken: string;
  /** What a server says to the host. */
  readonly hostSecret: string;
  /** Nothing can be written here, though it was once: what lives goes on, what is kept can be read. */
  readonly isReadOnly: boolean;
}

export type DataFiles = Omit<DataDir, 'ownerToken' | 'hostSecret' | 'isReadOnly'>;

/** Where everything lies, whether or not it is there. */
export function dataFiles(path: string): DataFiles {
  return {
    path,
    journal: join(path, 'journal.db'),
    catalog: join(path, 'catalog.db'),
    hostLock: join(path, 'host.lock'),
    serverLock: join(path, 'server.lock'),
    hostSocket: join(path, 'host.sock'),
    hostLog: join(path, 'host.log'),
    serverLog: join(path, 'server.log'),
    screensLog: join(path, 'screens.log'),
    hostRuntimes: join(path, 'host-runtime'),
    serverInfo: join(path, 'server.json'),
    tls: join(path, 'tls'),
  };
}

const ownerTokenFile = (path: string): string => join(path, 'owner.token');
const hostSecretFile = (path: string): string => join(path, 'host.secret');

/** Why a folder cannot be trusted with a shell; undefined when it can. */
function unsafe(path: string): string | undefined {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return 'is a symbolic link';
  if (!entry.isDirectory()) return 'is not a folder';
  const me = process.getuid?.();
  if (me !== undefined && entry.uid !== me) return 'belongs to another user';
  if ((entry.mode & OTHERS) !== 0) return `can be entered by others (mode ${(entry.mode & 0o777).toString(8)})`;
  const parent = statSync(dirname(path));
  const sticky = (parent.mode & 0o1000) !== 0;
  if ((parent.mode & 0o002) !== 0 && !sticky) return 'lies in a folder that everybody can write to';
  return undefined;
}

/** Whole on the disk under a name that nobody looks for; readable by the owner only. */
function writeBeside(path: string, content: string): string {
  const temporary = `${path}.${process.pid}.tmp`;
  const fd = openSync(temporary, 'w', FILE_MODE);
  try {
    fchmodSync(fd, FILE_MODE);
    writeSync(fd, content);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return temporary;
}

/** A file that appears whole or not at all: after a crash either the old content or the new one is there. */
export function writePrivateFile(path: string, content: string): void {
  renameSync(writeBeside(path, content), path);
}

/** As writePrivateFile, but of several at the same moment the first one stays. */
function makePrivateFile(path: string, content: string): void {
  const temporary = writeBeside(path, content);
  try {
    linkSync(temporary, path);
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'EEXIST') return;
    if (!NO_LINKS.has(code)) throw error;
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function readSecret(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    if (SECRET_PATTERN.test(text)) return text;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  // Never "no token": an emptied or damaged secret must not open the door.
  throw new StartError('DATA_DIR_UNSAFE', `${path} does not hold a valid secret.`, { hint: 'Delete the file to get a new one.' });
}

function readOrMakeSecret(path: string): string {
  const existing = readSecret(path);
  if (existing !== undefined) return existing;
  makePrivateFile(path, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`);
  // Another server may have been quicker: its secret counts, since its host may already ask for it.
  const made = readSecret(path);
  if (made === undefined) throw new Error(`${path} was removed while it was made`);
  return made;
}

/**
 * Writing tells more than mode bits: read-only mounts, quotas, full disks. A full disk is one that can be written: rows are deleted in place. False for
 * a directory that served before and is read-only now; throws what the file system throws for any other.
 */
function canWrite(path: string, isKnown: boolean): boolean {
  const probe = join(path, `.write-test.${process.pid}`);
  try {
    writePrivateFile(probe, '');
    rmSync(probe);
    return true;
  } catch (error) {
    if (!isKnown) throw error;
    if (isDiskFull(error)) return true;
    if (READ_ONLY.has(errnoOf(error) ?? '')) return false;
    throw error;
  }
}

/** Makes the folder when it is missing, checks it, and reads or makes the secrets. Call only while holding nothing else. */
export function openDataDir(path: string): DataDir {
  try {
    mkdirSync(dirname(path), { recursive: true });
    try {
      mkdirSync(path, { mode: DIR_MODE });
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
    const problem = unsafe(path);
    if (problem !== undefined) {
      throw new StartError('DATA_DIR_UNSAFE', `The data directory ${path} ${problem}.`, {
        exitCode: EXIT.notAllowed,
        hint: problem.includes('mode') ? `chmod 700 ${path}, or choose another with COTG_DATA_DIR.` : 'Choose another with COTG_DATA_DIR.',
      });
    }
    const known = findDataDir(path);
    const isReadOnly = !canWrite(path, known !== undefined);
    if (known) return { ...known, isReadOnly };
    const [ownerToken, hostSecret] = [readOrMakeSecret(ownerTokenFile(path)), readOrMakeSecret(hostSecretFile(path))];
    return { ...dataFiles(path), ownerToken, hostSecret, isReadOnly };
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError('DATA_DIR_UNUSABLE', `The data directory ${path} cannot be used: ${messageOf(error)}.`, {
      hint: 'Choose another with COTG_DATA_DIR.',
      cause: error,
    });
  }
}

/** For commands that only talk to a server: undefined when there has never been one. */
export function findDataDir(path: string): DataDir | undefined {
  const ownerToken = readSecret(ownerTokenFile(path));
  const hostSecret = readSecret(hostSecretFile(path));
  if (ownerToken === undefined || hostSecret === undefined) return undefined;
  return { ...dataFiles(path), ownerToken, hostSecret, isReadOnly: false };
}
