// Owns what a well-behaved follower does: everything of one session from its start, in order, whatever was pushed or dropped.
// Throws in the test when a push does not continue where the last one ended.
import type { HostClient, HostReply, RequestFields } from '../../src/client/host-client.ts';
import type { HostEvent, MarkEntry, SessionId } from '../../src/protocol/messages.ts';

const PAGE_BYTES = 1024 * 1024;

interface Position {
  readonly offset: number;
  readonly mark: number;
  readonly cursor: string | null;
}

export class SessionFeed {
  readonly marks: MarkEntry[] = [];
  /** How often pushes stopped and history was read instead. */
  lagged = 0;
  readonly #client: HostClient;
  readonly #id: SessionId;
  #chunks: Uint8Array[] = [];
  #offset = 0;
  #mark = 0;
  #reading = true;
  #again = false;
  #held: { readonly event: HostEvent; readonly body: Uint8Array }[] = [];
  #waiting: { readonly found: () => boolean; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = [];
  #failure: unknown;

  constructor(client: HostClient, id: SessionId) {
    this.#client = client;
    this.#id = id;
    client.onEvent((event, body) => this.#guard(() => this.#pushed(event, body)));
    client.closed.then(
      (reason) => this.#fail(reason),
      (error: unknown) => this.#fail(error),
    );
    this.#catchUp();
  }

  get offset(): number {
    return this.#offset;
  }

  get bytes(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  get text(): string {
    return this.bytes.toString();
  }

  get exit(): Extract<MarkEntry, { kind: 'exit' }> | undefined {
    return this.marks.find((mark) => mark.kind === 'exit');
  }

  /** Forgets the bytes so far, for floods. */
  forget(): void {
    this.#chunks = [];
  }

  until(found: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) reject(this.#failure);
      else if (found()) resolve();
      else this.#waiting.push({ found, resolve, reject });
    });
  }

  untilText(text: string | RegExp): Promise<void> {
    return this.until(() => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text)));
  }

  async untilExit(): Promise<Extract<MarkEntry, { kind: 'exit' }>> {
    await this.until(() => this.exit !== undefined);
    if (!this.exit) throw new Error('no exit');
    return this.exit;
  }

  #pushed(event: HostEvent, body: Uint8Array): void {
    if (event.type === 'lagged' && event.sessionId === this.#id) {
      this.lagged += 1;
      this.#again = true;
      if (!this.#reading) this.#catchUp();
      return;
    }
    if (event.type === 'session' || event.type === 'removed' || event.type === 'storage' || event.sessionId !== this.#id) return;
    if (this.#reading) {
      this.#held.push({ event, body });
      return;
    }
    if (event.type === 'output') this.#output(event.offset, body);
    if (event.type === 'mark') this.#marked(event.entry);
    this.#check();
  }

  #output(offset: number, bytes: Uint8Array): void {
    if (offset !== this.#offset) throw new Error(`output at ${offset}, expected at ${this.#offset}`);
    this.#chunks.push(bytes);
    this.#offset += bytes.length;
  }

  #marked(entry: MarkEntry): void {
    if (entry.mark !== this.#mark + 1) throw new Error(`mark ${entry.mark} after ${this.#mark}`);
    if (entry.offset !== this.#offset) throw new Error(`mark at ${entry.offset}, expected at ${this.#offset}`);
    this.#mark = entry.mark;
    this.marks.push(entry);
  }

  #catchUp(): void {
    this.#reading = true;
    this.#readOn().catch((error: unknown) => this.#fail(error));
  }

  async #readOn(): Promise<void> {
    do {
      this.#again = false;
      this.#held = [];
      // Up to the present first, so that what lies before the start of the pushes is short.
      const { reply: now } = await this.#client.request('list', {});
      await this.#history(now.sessions.find((session) => session.id === this.#id)?.endOffset ?? 0);
      const { reply } = await this.#client.request('follow', { sessionId: this.#id });
      this.#held = [];
      await this.#history(reply.offset);
    } while (this.#again);
    this.#reading = false;
    for (const { event, body } of this.#held.splice(0)) {
      // History up to the start of the pushes also holds marks that came at that very offset since: seen once is enough.
      if (event.type === 'mark' && event.entry.mark <= this.#mark) continue;
      this.#pushed(event, body);
    }
    this.#check();
  }

  async #history(toOffset: number): Promise<void> {
    let next: Position | null = { offset: this.#offset, mark: this.#mark, cursor: null };
    while (next) {
      const { offset, mark, cursor }: Position = next;
      const fields: RequestFields<'history'> = {
        sessionId: this.#id,
        fromOffset: offset,
        afterMark: mark,
        toOffset,
        maxBytes: PAGE_BYTES,
        cursor,
      };
      const { reply, body }: HostReply<'history'> = await this.#client.request('history', fields);
      let at = 0;
      const marks = [...reply.marks];
      for (const piece of reply.pieces) {
        while (marks[0] && marks[0].offset <= this.#offset) this.#marked(marks.shift() as MarkEntry);
        this.#output(piece.offset, body.subarray(at, at + piece.storedLength));
        at += piece.storedLength;
      }
      for (const entry of marks) {
        if (entry.offset < this.#offset) throw new Error('a mark inside a piece: this feed reads pieces whole');
        this.#marked(entry);
      }
      next = reply.next;
    }
  }

  #check(): void {
    this.#waiting = this.#waiting.filter(({ found, resolve }) => {
      if (!found()) return true;
      resolve();
      return false;
    });
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }
}
