// Owns exports of a session's history: raw bytes and text, streamed, from any range.
import { ApiError } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import type { HostLink } from './host-link.ts';
import { START } from './entries.ts';
import { readHistory } from './history-reader.ts';
import { makeHistoryText } from './history-text.ts';

export interface HistoryRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface HistoryExport {
  readonly firstOffset: number;
  readonly endOffset: number;
  /** Where the answer begins when that is behind what was asked for: the beginning has been trimmed. */
  readonly gapUntil: number | undefined;
  /** Pulled by the reader; ends with the signal. */
  readonly chunks: AsyncGenerator<Uint8Array, void>;
}

export class HistoryService {
  readonly #host: HostLink;

  constructor(host: HostLink) {
    this.#host = host;
  }

  /** UNKNOWN_SESSION, BAD_INPUT (a range that is empty or beyond the end by mistake). */
  async open(sessionId: string, format: 'raw' | 'text', range: HistoryRange, signal: AbortSignal): Promise<HistoryExport> {
    const { reply } = await this.#host.request('list', {}, { signal });
    const session = reply.sessions.find((candidate) => candidate.id === sessionId);
    if (!session) throw new ApiError('UNKNOWN_SESSION', 'There is no such session.');
    const asked = range.from ?? 0;
    const to = Math.min(range.to ?? session.endOffset, session.endOffset);
    if (range.to !== undefined && range.to < asked) throw new ApiError('BAD_INPUT', '`to` lies before `from`.');
    const from = Math.max(asked, session.firstOffset);
    const chunks = format === 'raw' ? this.#raw(session, from, to, signal) : this.#text(session, from, to, signal);
    return { firstOffset: session.firstOffset, endOffset: session.endOffset, gapUntil: from > asked ? from : undefined, chunks };
  }

  async *#raw(session: HostSession, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    if (from >= to) return;
    for await (const entries of readHistory(this.#host, { sessionId: session.id, from: { offset: from, mark: 0 }, toOffset: to }, signal)) {
      for (const entry of entries) if (entry.kind === 'output') yield entry.bytes;
    }
  }

  /** A range that begins in the middle of a line or a colour begins there. */
  async *#text(session: HostSession, from: number, to: number, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const text = makeHistoryText();
    const encoder = new TextEncoder();
    if (session.firstOffset > 0) yield encoder.encode(`[history before offset ${session.firstOffset} is no longer kept]\n`);
    const start = { ...START, offset: Math.max(from, session.firstOffset) };
    for await (const entries of readHistory(this.#host, { sessionId: session.id, from: start, toOffset: to }, signal)) {
      for (const entry of entries) {
        const lines = await text.take(entry);
        if (lines !== '') yield encoder.encode(lines);
      }
    }
    const rest = text.end();
    if (rest !== '') yield encoder.encode(rest);
  }
}
