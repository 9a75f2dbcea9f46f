// `cotg journal`: the journal as it is stored. Everything goes through its owner while that lives: nobody else opens a database that is in use.
import { setTimeout as delay } from 'node:timers/promises';
import type { Flags } from '../config.ts';
import { EXIT, StartError } from '../errors.ts';
import { HistoryService } from '../services/history-service.ts';
import { exportHistory, openHistory } from './export.ts';
import { keptFiles, withHost } from './host-access.ts';
import type { CliIo } from './io.ts';
import { journalFindings } from './journal-findings.ts';
import { idBeginningWith, isServed } from './server-client.ts';

/** Between two looks for what is new (ms): what a person who watches does not notice. */
const FOLLOW_MS = 1000;

interface Range {
  readonly from?: string;
  readonly to?: string;
}

/** The entries of a session, one JSON object a line: from the server, or without one from the host. */
export async function journalDump(flags: Flags, id: string, range: Range, io: CliIo): Promise<number> {
  if (await isServed(flags)) return exportHistory(flags, id, { ...range, format: 'entries' }, io);
  return withHost(flags, io, async (host) => {
    const { sessions } = (await host.request('list', {})).reply;
    const sessionId = idBeginningWith(sessions, id);
    const signal = new AbortController().signal;
    const offsets = { from: offsetOf('from', range.from), to: offsetOf('to', range.to) };
    const { chunks } = await new HistoryService(host, (session) => session.id).open(sessionId, 'entries', offsets, signal);
    for await (const chunk of chunks) await new Promise<void>((resolve) => void process.stdout.write(chunk, () => resolve()));
    return EXIT.done;
  });
}

function offsetOf(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const offset = Number(value);
  if (!Number.isSafeInteger(offset) || offset < 0)
    throw new StartError('BAD_SETTING', `--${name} takes an offset, a whole number of bytes.`, { exitCode: EXIT.usage });
  return offset;
}

/** Reads everything that is stored, end to end, whoever runs. */
export async function journalVerify(flags: Flags, options: { json?: boolean }, io: CliIo): Promise<number> {
  const findings = await journalFindings(keptFiles(flags));
  if (options.json) io.out(JSON.stringify({ whole: findings.length === 0, findings }, null, 2));
  else {
    for (const { kind, session, from, to, detail } of findings) {
      const where = [session, from === undefined ? null : `[${from}, ${to ?? from})`].filter((part) => part !== null);
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
