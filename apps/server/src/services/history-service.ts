// Owns exports of a session's history: raw bytes, text, text with colours, a page, a recording; streamed, from any range.
// A range that begins at the first kept byte begins with the terminal as it was there; one that begins behind it begins with a blank terminal of
// the session's size: replaying everything before it would cost seconds for a line.
import { ApiError } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import { EMULATOR_VERSION } from '@cotg/screen';
import { unpackState } from '../screens/state-views.ts';
import type { DamagedHistoryError, StreamEntry, StreamPosition } from './entries.ts';
import { makeHistoryCast } from './history-cast.ts';
import { damageLine, entryLine } from './history-entries.ts';
import { FORMATS } from './history-formats.ts';
import type { LinesFormatName } from './history-formats.ts';
import { makeHistoryLines } from './history-lines.ts';
import type { HistoryStart } from './history-lines.ts';
import { readHistory } from './history-reader.ts';
import type { HostLink } from './host-link.ts';

export const HISTORY_FORMATS = ['raw', 'text', 'ansi', 'html', 'cast', 'entries'] as const;
export type HistoryFormat = (typeof HISTORY_FORMATS)[number];

const CONTENT_TYPES: Readonly<Record<Exclude<HistoryFormat, LinesFormatName>, string>> = {
  raw: 'application/octet-stream',
  cast: 'application/x-asciicast',
  entries: 'application/x-ndjson',
};

export interface HistoryRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface HistoryExport {
  readonly contentType: string;
  readonly firstOffset: number;
  readonly endOffset: number;
  /** Where the answer begins when that is behind what was asked for: the beginning has been trimmed. */
  readonly gapUntil: number | undefined;
  /** Pulled by the reader; ends with the signal. */
  readonly chunks: AsyncGenerator<Uint8Array, void>;
}

interface Start extends HistoryStart {
  readonly position: StreamPosition;
}

export class HistoryService {
  readonly #host: Pick<HostLink, 'request'>;
  readonly #titleOf: (session: HostSession) => string;

  constructor(host: Pick<HostLink, 'request'>, titleOf: (session: HostSession) => string) {
    this.#host = host;
    this.#titleOf = titleOf;
  }

  /** UNKNOWN_SESSION, BAD_INPUT (a range that ends before it begins). */
  async open(sessionId: string, format: HistoryFormat, range: HistoryRange, signal: AbortSignal): Promise<HistoryExport> {
    const { reply } = await this.#host.request('list', {}, { signal });
    const session = reply.sessions.find((candidate) => candidate.id === sessionId);
    if (!session) throw new ApiError('UNKNOWN_SESSION', 'There is no such session.');
    const asked = range.from ?? 0;
    if (range.to !== undefined && range.to < asked) throw new ApiError('BAD_INPUT', '`to` lies before `from`.');
    const { firstOffset, endOffset } = session;
    const to = Math.min(range.to ?? endOffset, endOffset);
    const from = Math.min(Math.max(asked, firstOffset), Math.max(asked, endOffset));
    const isTrimmed = asked < firstOffset;
    const chunks =
      format === 'raw'
        ? this.#raw(session, from, to, signal)
        : format === 'cast'
          ? this.#cast(session, from, to, signal)
          : format === 'entries'
            ? this.#entryLines(session, from, to, signal)
            : this.#lines(session, from, to, format, signal);
    const contentType = format === 'raw' || format === 'cast' || format === 'entries' ? CONTENT_TYPES[format] : FORMATS[format].contentType;
    return { contentType, firstOffset, endOffset, gapUntil: isTrimmed ? firstOffset : undefined, chunks };
  }

  #entries(session: HostSession, from: StreamPosition, toOffset: number, signal: AbortSignal): AsyncGenerator<StreamEntry[], void> {
    return readHistory(this.#host, { sessionId: session.id, from, toOffset }, signal);
  }

  async *#raw(session: HostSession, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    if (from >= to) return;
    for await (const entries of this.#entries(session, { offset: from, mark: 0 }, to, signal)) {
      for (const entry of entries) if (entry.kind === 'output') yield entry.bytes;
    }
  }

  async *#cast(session: HostSession, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { position, cols, rows, state } = await this.#start(session, from);
    const cast = makeHistoryCast(session, { cols, rows });
    yield encode(cast.head(this.#titleOf(session)));
    if (session.firstOffset > 0 && from === session.firstOffset) yield encode(cast.trimmed(from, state));
    if (from < to) {
      for await (const entries of this.#entries(session, position, to, signal)) {
        const events = entries.map((entry) => cast.take(entry)).join('');
        if (events !== '') yield encode(events);
      }
    }
    yield encode(cast.end());
  }

  /** Also what stands at the very end: marks have no length. */
  async *#entryLines(session: HostSession, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const damages: DamagedHistoryError[] = [];
    const request = { sessionId: session.id, from: { offset: from, mark: 0 }, toOffset: to };
    const takeDamages = (): string => damages.splice(0).map(damageLine).join('');
    for await (const entries of readHistory(this.#host, { ...request, onDamage: (damage) => damages.push(damage) }, signal)) {
      yield encode(takeDamages() + entries.map(entryLine).join(''));
    }
    yield encode(takeDamages());
  }

  async *#lines(
    session: HostSession,
    from: number,
    to: number,
    name: LinesFormatName,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void> {
    const format = FORMATS[name];
    const { position, ...start } = await this.#start(session, from);
    const lines = await makeHistoryLines(start, format);
    const put = (some: readonly string[]): Uint8Array => encode(some.map((line) => `${line}\n`).join(''));
    yield encode(format.head(this.#titleOf(session)));
    if (session.firstOffset > 0 && from === session.firstOffset)
      yield put([format.note(`history before offset ${session.firstOffset} is no longer kept`)]);
    if (from < to) {
      for await (const entries of this.#entries(session, position, to, signal)) {
        for (const entry of entries) {
          const ready = await lines.take(entry);
          if (ready.length > 0) yield put(ready);
        }
      }
    }
    const rest = lines.end();
    if (rest.length > 0) yield put(rest);
    yield encode(format.foot);
  }

  /** The terminal where the range begins. Its size at offset 0 is what the first mark there says. */
  async #start(session: HostSession, from: number): Promise<Start> {
    const { cols, rows, firstOffset } = session;
    if (from === firstOffset && firstOffset > 0) {
      const { reply, body } = await this.#host.request('base', { sessionId: session.id });
      const { base } = reply;
      if (base?.offset === from) {
        const state = base.version === EMULATOR_VERSION ? unpackState(body) : null;
        return { cols: base.cols, rows: base.rows, state, position: { offset: from, mark: base.mark } };
      }
    }
    return { cols, rows, state: null, position: { offset: from, mark: 0 } };
  }
}

const encoder = new TextEncoder();
const encode = (text: string): Uint8Array => encoder.encode(text);
