// `cotg export ID`: a session's history as raw bytes, text, coloured text, a page or a recording, to a file or to standard output.
// Invariant: the file has its name only when the whole answer is in it.
import { createWriteStream, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Flags } from '../config.ts';
import { EXIT, StartError } from '../errors.ts';
import type { CliIo } from './io.ts';
import { locateServer, sessionIdOf } from './server-client.ts';

export interface ExportOptions {
  readonly format?: string;
  readonly from?: string;
  readonly to?: string;
  readonly output?: string;
}

type HistoryQuery = Pick<ExportOptions, 'format' | 'from' | 'to'>;

/** Asks the running server. The body is read by `body`, which throws for an answer that is a refusal. */
export async function openHistory(flags: Flags, sessionId: string, options: HistoryQuery) {
  const id = await sessionIdOf(flags, sessionId);
  const { info, dataDir, transport } = await locateServer(flags);
  const url = new URL(`/api/sessions/${id}/history`, info.url);
  url.searchParams.set('format', options.format ?? 'text');
  for (const name of ['from', 'to'] as const) if (options[name] !== undefined) url.searchParams.set(name, options[name]);
  const response = await transport.fetch(url, { headers: { authorization: `Bearer ${dataDir.ownerToken}` } });
  const body = async (): Promise<Readable> => {
    if (response.ok && response.body) return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    const problem = (await response.json().catch(() => ({}))) as { detail?: string; status?: number };
    const exitCode = response.status === 400 ? EXIT.usage : EXIT.failed;
    throw new StartError('REQUEST_FAILED', problem.detail ?? `The server answered ${response.status}.`, { exitCode });
  };
  return { status: response.status, gapUntil: response.headers.get('x-gap-until'), body };
}

export async function exportHistory(flags: Flags, sessionId: string, options: ExportOptions, io: CliIo): Promise<number> {
  const { gapUntil, body: open } = await openHistory(flags, sessionId, options);
  const body = await open();
  if (gapUntil !== null) io.err(`cotg: what lies before offset ${gapUntil} is no longer kept.`);
  if (options.output === undefined) {
    // Standard output is not ours to close.
    const out = new Writable({ write: (chunk: Uint8Array, _encoding, done) => void process.stdout.write(chunk, done) });
    await pipeline(body, out);
    return EXIT.done;
  }
  const target = resolve(options.output);
  const draft = `${target}.partial-${process.pid}`;
  try {
    await pipeline(body, createWriteStream(draft, { flags: 'wx' }));
    renameSync(draft, target);
  } finally {
    rmSync(draft, { force: true });
  }
  return EXIT.done;
}
