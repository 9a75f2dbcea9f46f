// Owns what scripts ask of a terminal over tRPC: waiting, and one page of history. Implements ScriptingPort.
import { ApiError, MAX_HISTORY_PAGE_BYTES } from '@cotg/api';
import type { Backlog, Caller, HistoryPage, HistoryRequest, ScriptingPort, WaitFor, WaitResult } from '@cotg/api';
import type { HistoryService } from './history-service.ts';
import type { HostLink } from './host-link.ts';
import type { OutputService } from './output-service.ts';
import type { Screens } from './viewer-stream.ts';
import { WaitService } from './wait-service.ts';

/** A program can ask a terminal to draw a thousand characters with seven: a page that grows so much is refused. */
const MAX_CONTENT_BYTES = 8 * 1024 * 1024;

export interface ScriptingServiceOptions {
  readonly host: HostLink;
  readonly screens: Screens;
  readonly output: OutputService;
  readonly history: HistoryService;
}

export class ScriptingService implements ScriptingPort {
  readonly #history: HistoryService;
  readonly #output: OutputService;
  readonly #waits: WaitService;

  constructor({ host, screens, output, history }: ScriptingServiceOptions) {
    this.#history = history;
    this.#output = output;
    this.#waits = new WaitService({
      host,
      screens,
      look: (id) => output.hostSession(id),
      follow: (id, reader) => output.follow(id, reader),
    });
  }

  waitFor(request: WaitFor, caller: Caller, backlog: Pick<Backlog, 'isOpen'>, signal: AbortSignal): Promise<WaitResult> {
    return this.#waits.waitFor(request, caller, backlog, signal);
  }

  async history({ sessionId, from: asked, to: wanted, format }: HistoryRequest, signal: AbortSignal): Promise<HistoryPage> {
    const session = await this.#output.hostSession(sessionId);
    const from = Math.min(Math.max(asked ?? 0, session.firstOffset), session.endOffset);
    if (wanted !== undefined && wanted < (asked ?? 0)) throw new ApiError('BAD_INPUT', '`to` lies before `from`.');
    const to = Math.max(from, Math.min(wanted ?? session.endOffset, session.endOffset, from + MAX_HISTORY_PAGE_BYTES));
    const { chunks, firstOffset, endOffset } = await this.#history.open(sessionId, format, { from, to }, signal);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > MAX_CONTENT_BYTES)
        throw new ApiError('TOO_LARGE', 'What was printed there draws too much for one page.', { hint: 'Ask for less at a time.' });
      parts.push(chunk);
    }
    const content = Buffer.concat(parts).toString(format === 'raw' ? 'base64' : 'utf8');
    return { firstOffset, endOffset, from, to, content };
  }

  close(): void {
    this.#waits.close();
  }
}
