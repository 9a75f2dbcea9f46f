// `cotg audit`: who did what, newest last, as a log is read.
import type { AuditEntry } from '@cotg/api/client';
import type { Flags } from '../config.ts';
import { EXIT, StartError } from '../errors.ts';
import { formatTable, printable } from './format.ts';
import type { CliIo } from './io.ts';
import { withServer } from './server-client.ts';

const DEFAULT_LINES = 50;
/** Given at once by the server. */
const PAGE = 500;

export async function audit(flags: Flags, options: { json?: boolean; lines?: string }, io: CliIo): Promise<number> {
  const wanted = options.lines === undefined ? DEFAULT_LINES : Number(options.lines);
  if (!Number.isInteger(wanted) || wanted < 1)
    throw new StartError('BAD_SETTING', '--lines takes a whole number from 1.', { exitCode: EXIT.usage });
  return withServer(flags, async (api) => {
    const entries: AuditEntry[] = [];
    while (entries.length < wanted) {
      const beforeId = entries.at(-1)?.id;
      const page = await api.system.audit.query({
        limit: Math.min(PAGE, wanted - entries.length),
        ...(beforeId === undefined ? {} : { beforeId }),
      });
      if (page.length === 0) break;
      entries.push(...page);
    }
    entries.reverse();
    if (options.json) io.out(JSON.stringify(entries, null, 2));
    else for (const line of formatTable(entries.map(row))) io.out(line);
    return EXIT.done;
  });
}

function row({ at, actor, action, sessionId, detail }: AuditEntry): string[] {
  const words = Object.entries(detail).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [at, printable(actor), printable(action), printable([...(sessionId === null ? [] : [sessionId]), ...words].join(' '))];
}
