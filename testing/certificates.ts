// Owns certificates for tests, made by `cotg cert` as users make theirs, and a port for a server that has to be told its own address beforehand.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { runCotg } from './start-server.ts';

export interface Certificates {
  /** PEM of the CA, and its file. */
  readonly ca: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** For the environment of a server. */
  readonly settings: { readonly COTG_TLS_CERT: string; readonly COTG_TLS_KEY: string };
}

/** With the CA of this data directory, into its folder; again for a renewed one. */
export async function makeCertificates(
  dataDir: string,
  names: readonly string[],
  from: 'dist' | 'source' = 'source',
): Promise<Certificates> {
  const result = await runCotg(['cert', '--json', '--name', ...names], { dataDir, from });
  if (result.code !== 0) throw new Error(`cotg cert ended with ${result.code}: ${result.stderr}`);
  const { settings } = JSON.parse(result.stdout) as Pick<Certificates, 'settings'>;
  const caFile = join(dataDir, 'tls', 'ca.crt');
  return { ca: readFileSync(caFile, 'utf8'), caFile, certFile: settings.COTG_TLS_CERT, keyFile: settings.COTG_TLS_KEY, settings };
}

/** Free when it was looked at: nobody else on a test's computer takes ports by number. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
