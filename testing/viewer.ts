// Owns a viewer without a terminal for tests: attaches through the typed client, checks that every byte follows the one
// before, acknowledges, and keeps what it got.
import { randomBytes } from 'node:crypto';
import { createClient, ScreenParts } from '@cotg/api/client';
import type { AttachEvent, Client } from '@cotg/api/client';
import { eventually } from './start-server.ts';

export interface TestViewer extends AsyncDisposable {
  readonly id: string;
  readonly client: Client;
  /** Output since the first byte that came, as Latin-1: one character a byte. */
  readonly text: string;
  readonly events: readonly AttachEvent[];
  /** Offset behind the last byte that came. */
  readonly offset: number;
  /** Bytes that did not follow the one before, after a hello that promised them: must stay 0. */
  readonly breaks: number;
  readonly hellos: number;
  readonly errors: readonly unknown[];
  /** False: gets output and acknowledges nothing. */
  acknowledging: boolean;
  /** Resolves once the screen to begin with has come: output follows it. */
  attached(): Promise<void>;
  type(data: string): Promise<void>;
  waitFor(text: string | RegExp, timeoutMs?: number): Promise<void>;
}

export interface ViewerOptions {
  readonly url: string;
  readonly token: string;
  readonly sessionId: string;
  readonly cols?: number;
  readonly rows?: number;
  /** Where it says it is: it begins there if that is still kept. */
  readonly have?: { readonly run: number; readonly offset: number; readonly mark: number };
  /** True: may get the present screen instead of output that its link cannot carry, as a page may. Else it gets every byte. */
  readonly skips?: boolean;
  /** Lines above the screen that come with it. */
  readonly scrollback?: number;
  /** False: counts the output and forgets it. */
  readonly keepText?: boolean;
  readonly timings?: { keepAliveIntervalMs?: number; keepAliveTimeoutMs?: number; openTimeoutMs?: number };
}

export function attachViewer(options: ViewerOptions): TestViewer {
  const id = `test-${randomBytes(9).toString('base64url')}`;
  const client = createClient({ url: options.url, token: options.token, ...(options.timings ? { timings: options.timings } : {}) });
  const events: AttachEvent[] = [];
  const errors: unknown[] = [];
  const chunks: string[] = [];
  const unacknowledged = new Map<number, string>();
  let [offset, breaks, hellos, n] = [-1, 0, 0, 0];
  let inputs = Promise.resolve();

  /** In order, one after the other; what fails stops the rest until the next key or the next hello, as a gap would be refused. */
  const sendAll = async (): Promise<void> => {
    for (const [number, data] of [...unacknowledged].toSorted(([a], [b]) => a - b)) {
      try {
        await client.api.session.input.mutate({ sessionId: options.sessionId, viewerId: id, n: number, data });
        unacknowledged.delete(number);
      } catch {
        return; // Cut off: the next hello says what was applied, and the rest is sent again.
      }
    }
  };

  const viewer: TestViewer = {
    id,
    client,
    acknowledging: true,
    get text() {
      return chunks.join('');
    },
    events,
    errors,
    get offset() {
      return offset;
    },
    get breaks() {
      return breaks;
    },
    get hellos() {
      return hellos;
    },
    async attached() {
      await eventually(
        () => offset,
        (at) => at >= 0,
        { what: 'the viewer is attached' },
      );
    },
    async type(data) {
      n += 1;
      unacknowledged.set(n, data);
      inputs = inputs.then(sendAll);
      await inputs;
    },
    async waitFor(text, timeoutMs) {
      const matches = (all: string): boolean => (typeof text === 'string' ? all.includes(text) : text.test(all));
      await eventually(
        () => viewer.text,
        (all) => matches(all),
        { ...(timeoutMs === undefined ? {} : { timeoutMs }), what: `output shows ${String(text)}` },
      );
    },
    async [Symbol.asyncDispose]() {
      subscription.unsubscribe();
      await client.close();
    },
  };

  const parts = new ScreenParts();
  const take = (placed: AttachEvent): void => {
    if (placed.type === 'hello') parts.clear();
    const event = parts.take(placed);
    if (!event) return;
    events.push(event.type === 'output' ? { ...event, bytes: new Uint8Array(0) } : event);
    if (event.type === 'hello') {
      hellos += 1;
      const { lastInput } = event;
      inputs = inputs.then(() => {
        for (const number of unacknowledged.keys()) if (number <= lastInput) unacknowledged.delete(number);
        return sendAll();
      });
    } else if (event.type === 'snapshot') {
      ({ offset } = event);
      chunks.length = 0;
      if (viewer.acknowledging)
        client.api.session.ack.mutate({ sessionId: options.sessionId, viewerId: id, offset }).catch(() => undefined);
    } else if (event.type === 'gap') {
      if (event.offset !== offset) breaks += 1;
      offset = event.offset + event.lostBytes;
      if (viewer.acknowledging)
        client.api.session.ack.mutate({ sessionId: options.sessionId, viewerId: id, offset }).catch(() => undefined);
    } else if (event.type === 'output') {
      if (event.offset !== offset) breaks += 1;
      offset = event.offset + event.bytes.length;
      if (options.keepText !== false) chunks.push(Buffer.from(event.bytes).toString('latin1'));
      if (viewer.acknowledging)
        client.api.session.ack.mutate({ sessionId: options.sessionId, viewerId: id, offset }).catch(() => undefined);
    }
  };

  const subscription = client.api.session.attach.subscribe(
    {
      sessionId: options.sessionId,
      viewerId: id,
      ...(options.skips === true ? {} : { complete: true }),
      ...(options.cols === undefined ? {} : { cols: options.cols }),
      ...(options.rows === undefined ? {} : { rows: options.rows }),
      ...(options.have === undefined ? {} : { have: options.have }),
      ...(options.scrollback === undefined ? {} : { scrollback: options.scrollback }),
    },
    {
      onData: (tracked) => take(tracked.data),
      onError: (error) => errors.push(error),
    },
  );
  return viewer;
}
