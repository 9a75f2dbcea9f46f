// Owns our own TLS: reading the certificate, what the server speaks, and noticing a renewed certificate. It must not know where connections come from.
// Invariant: what is in use is a certificate and its own key; files that are not that are refused at the start and ignored later.
import { X509Certificate, constants, createPrivateKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { EXIT, StartError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';

/** A phone on a bad network takes about 2 s; who has not finished by then holds a socket for nothing. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How soon a renewed certificate is used. Read, not watched: renewals replace links, folders and mounts. */
const REREAD_MS = 2000;
const READABLE_BY_ALL = 0o004;

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What the two files hold, as it was read. */
interface Content {
  readonly cert: string;
  readonly key: string;
}

export interface Certificate extends Content {
  /** The server's own, in PEM, without what stands behind it in the file. */
  readonly leaf: string;
  readonly validTo: Date;
}

/** Throws StartError BAD_SETTING (exit code 2) that names the file. */
export function readCertificate(files: TlsFiles): Certificate {
  return checked(files, readFiles(files));
}

function readFiles(files: TlsFiles): Content {
  const read = (name: string, file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch (error) {
      throw badFile(`${name}=${file} cannot be read: ${messageOf(error)}`, error);
    }
  };
  return { cert: read('COTG_TLS_CERT', files.certFile), key: read('COTG_TLS_KEY', files.keyFile) };
}

function checked(files: TlsFiles, { cert, key }: Content): Certificate {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (error) {
    throw badFile(`COTG_TLS_CERT=${files.certFile} does not hold a certificate in PEM`, error);
  }
  try {
    if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error('it belongs to another certificate');
    // The rest of the file counts, too: intermediate certificates.
    createSecureContext({ ...CONTEXT, cert, key });
  } catch (error) {
    // The library's text may quote what it read; ours does not.
    throw badFile(`COTG_TLS_KEY=${files.keyFile} is not the private key of ${files.certFile}, in PEM and without a passphrase`, error);
  }
  return { cert, key, leaf: certificate.toString(), validTo: new Date(certificate.validTo) };
}

function badFile(message: string, cause: unknown): StartError {
  return new StartError('BAD_SETTING', `${message}.`, { exitCode: EXIT.usage, hint: '`cotg cert` makes a pair that fits.', cause });
}

/**
 * Forward secrecy (ECDHE) and authenticated encryption (AEAD) only, as RFC 9325, 4.2 asks: what browsers of the last ten years speak. Node's own
 * list still has CBC and key exchange by RSA behind these.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** Nothing older than TLS 1.2, and nobody may negotiate again and again on one connection. */
const CONTEXT = {
  minVersion: 'TLSv1.2',
  ciphers: CIPHERS,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
} as const satisfies SecureContextOptions;

export function secureContextOf({ cert, key }: Content): SecureContextOptions {
  return { ...CONTEXT, cert, key };
}

/** HTTP/1.1 only: the gate reads Host, and HTTP/2 has none (ttyd's issue 1566). */
export function tlsOptionsOf(certificate: Certificate): TlsOptions {
  return { ...secureContextOf(certificate), ALPNProtocols: ['http/1.1'], handshakeTimeout: HANDSHAKE_TIMEOUT_MS };
}

/** What whoever starts the server should know about its certificate. */
export function certificateWarnings(files: TlsFiles, { validTo }: Certificate, now: Date = new Date()): string[] {
  const warnings: string[] = [];
  if (validTo < now)
    warnings.push(`the certificate in ${files.certFile} has expired (${validTo.toISOString().slice(0, 10)}): browsers refuse it`);
  if ((statSync(files.keyFile).mode & READABLE_BY_ALL) !== 0)
    warnings.push(`every user of this computer can read ${files.keyFile}: chmod 600 it`);
  return warnings;
}

/** Calls `onRenewed` with each new certificate that fits its key; one that does not is logged and the present one stays. */
export function followCertificate(options: {
  files: TlsFiles;
  present: Certificate;
  onRenewed: (certificate: Certificate) => void;
  log: Pick<Logger, 'info' | 'error'>;
  rereadMs?: number;
}): Disposable {
  const { files, log } = options;
  let seen = `${options.present.cert}\0${options.present.key}`;
  let told: string | undefined;
  const look = (): void => {
    try {
      const content = readFiles(files);
      const all = `${content.cert}\0${content.key}`;
      if (all === seen) return;
      seen = all;
      const renewed = checked(files, content);
      options.onRenewed(renewed);
      told = undefined;
      log.info({ validTo: renewed.validTo.toISOString() }, 'the certificate was renewed');
    } catch (error) {
      const problem = messageOf(error);
      // Files that cannot be read are looked at again and again, and said once.
      if (problem === told) return;
      told = problem;
      log.error({ error: problem }, 'the new certificate cannot be used: the present one stays');
    }
  };
  const timer = setInterval(look, options.rereadMs ?? REREAD_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
