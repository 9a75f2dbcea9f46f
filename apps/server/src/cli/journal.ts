// `cotg journal`: the journal as it is stored. Everything goes through the running server: nobody else opens a database that is in use.
import { setTimeout as delay } from 'node:timers/promises';
import type { Flags } from '../config.ts';
import { EXIT } from '../errors.ts';
import { exportHistory } from './export.ts';
import type { CliIo } from './io.ts';
import { openHistory } from './export.ts';
import { LONG_COMMAND_MS, withServer } from './server-client.ts';

/** Between two looks for what is new (ms): what a person who watches does not notice. */
const FOLLOW_MS = 1000;

interface Range {
  readonly from?: string;
  readonly to?: string;
}

/** The entries of a session, one JSON object a line. */
export function journalDump(flags: Flags, sessionId: string, range: Range, io: CliIo): Promise<number> {
  return exportHistory(flags, sessionId, { ...range, format: 'entries' }, io);
}

/** Reads everything that is stored, end to end. */
export async function journalVerify(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  const findings = await withServer(flags, (api) => api.system.verify.query(), LONG_COMMAND_MS);
  if (options.json) io.out(JSON.stringify({ whole: findings.length === 0, findings }, null, 2));
  else {
    for (const { kind, sessionId, from, to, detail } of findings) {
      const where = [sessionId, from === undefined ? undefined : `[${from}, ${to ?? from})`].filter((part) => part !== undefined);
      io.out(`${kind.padEnd(12)} ${where.join(' ')}${where.length > 0 ? ': ' : ''}${detail}`);
    }
    if (findings.length === 0) io.out('The journal is whole.');
  }
  return findings.length === 0 ? EXIT.done : EXIT.failed;
}

interface Entry {
  readonly offset: number;
  readonly kind: string;
  readonly mark?: number;
  readonly length?: number;
}

/** The same lines, and what comes after them, until the session is removed or somebody stops it. */
export async function journalFollow(flags: Flags, sessionId: string, range: Pick<Range, 'from'>, io: CliIo): Promise<number> {
  const position = { offset: Number(range.from ?? 0), mark: 0 };
  for (let looks = 0; ; looks += 1) {
    const response = await openHistory(flags, sessionId, { format: 'entries', from: String(position.offset) });
    if (response.status === 404 && looks > 0) return EXIT.done;
    for await (const text of linesOf(await response.body())) {
      const entry = JSON.parse(text) as Entry;
      // Marks at the place where the last look ended have been printed.
      if (entry.mark !== undefined && entry.mark <= position.mark) continue;
      position.mark = Math.max(position.mark, entry.mark ?? 0);
      position.offset = Math.max(position.offset, entry.offset + (entry.length ?? 0));
      io.out(text);
    }
    await delay(FOLLOW_MS);
  }
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
