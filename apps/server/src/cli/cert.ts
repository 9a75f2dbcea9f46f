// `cotg cert`: a CA of this computer's own and a certificate for the server, so that phones in the same network reach it over TLS.
// Invariant: nothing is written over that this command has not made itself, and the CA's key never leaves the data directory.
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { dataDirPath } from '../config.ts';
import type { Flags } from '../config.ts';
import { openDataDir, writePrivateFile } from '../data-dir.ts';
import { EXIT, StartError } from '../errors.ts';
import { bracketed } from '../http/access.ts';
import { canonicalAddress } from '../http/client-address.ts';
import type { Pair } from '../tls/local-ca.ts';
import type { CliIo } from './io.ts';

export interface CertOptions {
  readonly name?: readonly string[];
  readonly out?: string;
  readonly json?: boolean;
}

const DIR_MODE = 0o700;
const MAX_NAMES = 100;
/** Through which this computer's own browser comes. */
const OWN_NAMES = ['localhost', '127.0.0.1', '::1'] as const;

export async function cert(flags: Flags, options: CertOptions, io: CliIo): Promise<number> {
  const dataDir = openDataDir(dataDirPath(flags));
  if (dataDir.isReadOnly) throw new StartError('DATA_DIR_UNUSABLE', `Nothing can be written to ${dataDir.path}.`);
  mkdirSync(dataDir.tls, { recursive: true, mode: DIR_MODE });
  const caFiles = { cert: join(dataDir.tls, 'ca.crt'), key: join(dataDir.tls, 'ca.key') };
  const folder = options.out === undefined ? dataDir.tls : resolve(options.out);
  const files = { cert: join(folder, 'server.crt'), key: join(folder, 'server.key') };

  const present = readPair(files);
  const ca = readPair(caFiles);
  if (present && !(ca && isMadeBy(ca, present))) throw foreign(files.cert);

  const now = new Date();
  // Loaded here: most of a command's start would be this library.
  const { makeCa, makeLeaf, maySign, namesOf } = await import('../tls/local-ca.ts');
  const named = options.name?.map(nameOf) ?? (present ? namesOf(present.cert) : defaultNames());
  const names = [...new Set([...named, ...OWN_NAMES])];
  if (names.length > MAX_NAMES) throw new StartError('BAD_SETTING', `--name: at most ${MAX_NAMES}.`, { exitCode: EXIT.usage });

  const authority = ca ?? (await makeCa({ names, computer: hostname(), now }));
  const authorityFacts = new X509Certificate(authority.cert);
  if (new Date(authorityFacts.validTo) <= now) throw unusableCa(caFiles.cert, 'has expired');
  const refused = names.find((name) => !maySign(authority.cert, name));
  if (refused !== undefined)
    throw unusableCa(caFiles.cert, `may not sign for ${refused}, only for private names and those it was made with`);
  const leaf = await makeLeaf({ ca: authority, names, now });

  if (!ca) writePair(caFiles, authority);
  mkdirSync(folder, { recursive: true, mode: DIR_MODE });
  writePair(files, leaf);

  const made = {
    ca: { cert: caFiles.cert, isNew: !ca, fingerprint: authorityFacts.fingerprint256, validTo: isoDay(authorityFacts) },
    cert: files.cert,
    key: files.key,
    names,
    validTo: isoDay(new X509Certificate(leaf.cert)),
    settings: { COTG_TLS_CERT: files.cert, COTG_TLS_KEY: files.key },
  };
  if (options.json) io.out(JSON.stringify(made, null, 2));
  else for (const line of advice(made)) io.out(line);
  return EXIT.done;
}

const isoDay = (certificate: X509Certificate): string => new Date(certificate.validTo).toISOString().slice(0, 10);

interface Files {
  readonly cert: string;
  readonly key: string;
}

/** Undefined when neither is there. Throws for one without the other, and for what is no certificate with its key. */
function readPair(files: Files): Pair | undefined {
  const [hasCert, hasKey] = [lstatSync(files.cert, { throwIfNoEntry: false }), lstatSync(files.key, { throwIfNoEntry: false })];
  if (!hasCert && !hasKey) return undefined;
  if (hasCert?.isFile() !== true) throw foreign(hasCert ? files.cert : files.key);
  if (hasKey?.isFile() !== true) throw foreign(hasKey ? files.key : files.cert);
  const pair = { cert: readFileSync(files.cert, 'utf8'), key: readFileSync(files.key, 'utf8') };
  let fits: boolean;
  try {
    fits = new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key));
  } catch {
    fits = false; // Whatever it is, it is not ours.
  }
  if (!fits) throw foreign(files.cert);
  return pair;
}

function isMadeBy(ca: Pair, pair: Pair): boolean {
  const [issuer, issued] = [new X509Certificate(ca.cert), new X509Certificate(pair.cert)];
  return issued.checkIssued(issuer) && issued.verify(issuer.publicKey);
}

/** The key first: a certificate whose key is not there yet would be of no use. */
function writePair(files: Files, pair: Pair): void {
  writePrivateFile(files.key, pair.key);
  writePrivateFile(files.cert, pair.cert);
}

function foreign(path: string): StartError {
  return new StartError('FILE_EXISTS', `${path} was not made by this command, or not with this CA: it stays as it is.`, {
    hint: 'Move it away with the file beside it, or name another folder with --out.',
  });
}

function unusableCa(path: string, why: string): StartError {
  return new StartError('BAD_SETTING', `The CA in ${path} ${why}.`, {
    exitCode: EXIT.usage,
    hint: 'Move ca.crt and ca.key away to get a new one, which every phone has to trust again.',
  });
}

/** As certificates and browsers write it. */
function nameOf(text: string): string {
  const address = canonicalAddress(text.replace(/^\[|\]$/g, ''));
  if (address !== undefined) return address;
  const name = text.toLowerCase();
  const isName = name.length <= 253 && name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
  if (!isName || /^[\d.]+$/.test(name))
    throw new StartError('BAD_SETTING', `--name ${JSON.stringify(text)} takes a host name or an address, without port or *.`, {
      exitCode: EXIT.usage,
    });
  return name;
}

/** What this computer is called in its network, and where it is in it now. */
function defaultNames(): string[] {
  const name = hostname().toLowerCase();
  const isName = /^[a-z0-9][a-z0-9-]*$/.test(name);
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0)
    .map(({ address }) => canonicalAddress(address))
    .filter((address) => address !== undefined);
  return [...(isName ? [`${name}.local`, name] : []), ...addresses];
}

function advice(made: {
  ca: { cert: string; isNew: boolean; fingerprint: string; validTo: string };
  cert: string;
  key: string;
  names: readonly string[];
  validTo: string;
}): string[] {
  const first = made.names[0] ?? 'localhost';
  return [
    `CA           ${made.ca.cert}${made.ca.isNew ? ', new' : ''}, until ${made.ca.validTo}`,
    `             SHA-256 ${made.ca.fingerprint}`,
    `certificate  ${made.cert}, until ${made.validTo}`,
    `key          ${made.key}`,
    `for          ${made.names.join(', ')}`,
    '',
    'Start the server with them (one that uses them already takes the new ones by itself):',
    '',
    `  COTG_HOST=${isIP(first) === 6 ? '::' : '0.0.0.0'} COTG_PUBLIC_URL=https://${bracketed(first)}:7433 \\`,
    `  COTG_TLS_CERT='${made.cert}' \\`,
    `  COTG_TLS_KEY='${made.key}' npm start`,
    '',
    'Each phone has to trust the CA, once. Send it ca.crt (AirDrop, a cable, a mail to yourself), never ca.key, and compare the SHA-256.',
    '  iPhone   open the file; Settings > General > VPN & Device Management > install it;',
    '           then Settings > General > About > Certificate Trust Settings > switch it on',
    '  Android  Settings > Security > Encryption & credentials > Install a certificate > CA certificate > the file',
  ];
}
