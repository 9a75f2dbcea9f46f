import { expect, test } from 'vitest';
import { FrameDecoder } from '../protocol/framing.ts';
import type { HostMessage, HostSession, MarkEntry } from '../protocol/messages.ts';
import { MemoryJournal } from './memory-journal.ts';
import { createFields } from '../testing/start-test-host.ts';
import { defaultHostLimits } from './limits.ts';
import type { CommittedEntry } from './output-journal.ts';
import { PeerOutbox } from './peer-outbox.ts';

const KIB = 1024;

function setUp(change: Partial<typeof defaultHostLimits> = {}) {
  const decoder = new FrameDecoder({ maxFrameBytes: 1e9 });
  const line = { queuedBytes: 0, open: true };
  const sessions = new Map<string, HostSession>();
  const dropped: string[] = [];
  const outbox = new PeerOutbox({
    wire: {
      get queuedBytes() {
        return line.queuedBytes;
      },
      write(parts) {
        for (const part of parts) {
          decoder.push(part);
          if (!line.open) line.queuedBytes += part.length;
        }
      },
    },
    limits: { ...defaultHostLimits, ...change },
    view: (id) => sessions.get(id),
    dropped: (id) => dropped.push(id),
  });
  const offsets = new Map<string, number>();
  const output = (sessionId: string, length: number): CommittedEntry => {
    const offset = offsets.get(sessionId) ?? 0;
    offsets.set(sessionId, offset + length);
    return { kind: 'output', sessionId, offset, bytes: new Uint8Array(length) };
  };
  const mark = (sessionId: string, id: number): CommittedEntry => {
    const entry: MarkEntry = { kind: 'time', offset: offsets.get(sessionId) ?? 0, mark: id, at: 0 };
    return { kind: 'mark', sessionId, entry };
  };
  /** What was handed over since the last call, as short texts. */
  const sent = (): string[] => {
    const texts: string[] = [];
    for (let frame = decoder.next(); frame; frame = decoder.next()) {
      const message = frame.header as unknown as HostMessage;
      if (message.type === 'output') texts.push(`${message.sessionId}@${message.offset}+${frame.body.length}`);
      else if (message.type === 'session') texts.push(`news ${message.session.id}`);
      else if (message.type === 'mark') texts.push(`${message.sessionId} mark ${message.entry.mark}`);
      else if (message.type === 'reply' || message.type === 'error') texts.push(`${message.type} ${message.id}`);
      else if (message.type === 'storage') texts.push(`storage ${message.storage}`);
      else texts.push(`${message.type} ${message.sessionId}`);
    }
    return texts;
  };
  const addSession = (id: string): void =>
    void sessions.set(id, new MemoryJournal().createSession({ ...createFields(), id, createdAt: 0 }));
  const drain = (): void => {
    line.queuedBytes = 0;
    outbox.pump();
  };
  return { outbox, line, output, mark, sent, drain, dropped, sessions, addSession };
}

test('entries of followed sessions go out in their order, others not at all', () => {
  const { outbox, output, mark, sent } = setUp();
  outbox.follow('a');
  outbox.push([output('a', 5), mark('a', 1), output('b', 5), output('a', 3)]);
  outbox.pump();
  expect(sent()).toEqual(['a@0+5', 'a mark 1', 'a@5+3']);
  outbox.unfollow('a');
  outbox.push([output('a', 5)]);
  outbox.pump();
  expect(sent()).toEqual([]);
});

test('no more than the bound is put ahead of a reader that does not read, and a small session goes before what waits', () => {
  const { outbox, line, output, sent, drain } = setUp();
  outbox.follow('flood');
  outbox.follow('small');
  line.open = false;
  outbox.push([output('flood', 600 * KIB)]);
  outbox.pump();
  const ahead = sent();
  expect(ahead).toHaveLength(3);
  expect(ahead.every((text) => text.endsWith(`+${64 * KIB}`))).toBe(true);
  expect(line.queuedBytes).toBeLessThanOrEqual(256 * KIB);
  outbox.push([output('flood', 100 * KIB), output('small', 1)]);
  outbox.pump();
  expect(sent()).toEqual([]);
  drain();
  expect(sent()[0]).toBe('small@0+1');
});

test('a small session goes before every flood that waits, not only before the one just served', () => {
  const { outbox, line, output, sent, drain } = setUp();
  const floods = ['a', 'b', 'c', 'd', 'e'];
  for (const id of [...floods, 'small']) outbox.follow(id);
  line.open = false;
  line.queuedBytes = 1e9;
  outbox.push([...floods.map((id) => output(id, 100 * KIB)), output('small', 1)]);
  drain();
  expect(sent()[0]).toBe('small@0+1');
});

test('floods take turns', () => {
  const { outbox, line, output, sent, drain } = setUp();
  for (const id of ['a', 'b', 'c']) outbox.follow(id);
  line.open = false;
  outbox.push([output('a', 256 * KIB), output('b', 256 * KIB), output('c', 256 * KIB)]);
  drain();
  drain();
  expect(sent().map((text) => text[0])).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('beyond the bound the largest is dropped, told so when the line is empty again, and nobody else is', () => {
  const { outbox, line, output, sent, drain, dropped } = setUp();
  outbox.follow('flood');
  outbox.follow('other');
  line.open = false;
  outbox.push([output('other', 100 * KIB)]);
  for (let n = 0; n < 100; n += 1) {
    outbox.push([output('flood', 100 * KIB)]);
    outbox.pump();
    expect(outbox.pushedBytes).toBeLessThanOrEqual(defaultHostLimits.peerQueueBytes);
  }
  expect(dropped).toEqual(['flood']);
  expect(sent().filter((text) => text.startsWith('lagged'))).toEqual([]);
  drain();
  expect(sent()[0]).toBe('lagged flood');
  drain();
  expect(sent()).toEqual([]);
  expect(outbox.follows('other')).toBe(true);
  expect(outbox.follows('flood')).toBe(false);
});

test('one batch larger than the bound is not kept either', () => {
  const { outbox, line, output, dropped } = setUp();
  outbox.follow('flood');
  line.open = false;
  outbox.push(Array.from({ length: 10 }, () => output('flood', 512 * KIB)));
  expect(outbox.pushedBytes).toBe(0);
  expect(dropped).toEqual(['flood']);
});

test('a million single bytes are counted as the memory they take', () => {
  const { outbox, line, output, dropped } = setUp();
  outbox.follow('drip');
  line.open = false;
  let kept = 0;
  while (dropped.length === 0 && kept < 100_000) {
    outbox.push([output('drip', 1)]);
    kept += 1;
  }
  expect(kept).toBeLessThan(5000);
});

test('who follows again after being dropped is not told a second time', () => {
  const { outbox, line, output, sent, drain } = setUp();
  outbox.follow('flood');
  line.open = false;
  outbox.push(Array.from({ length: 10 }, () => output('flood', 512 * KIB)));
  outbox.follow('flood');
  outbox.push([output('flood', 5)]);
  line.open = true;
  drain();
  expect(sent()).toEqual([`flood@${5120 * KIB}+5`]);
});

test('news waits for the output before it, comes once however often it changed, and not for a session that is gone', () => {
  const { outbox, line, output, sent, drain, sessions, addSession } = setUp();
  for (const id of ['a', 'b', 'c']) addSession(id);
  outbox.follow('a');
  line.open = false;
  line.queuedBytes = 1e9;
  outbox.push([output('a', 5)]);
  for (let n = 0; n < 1000; n += 1) for (const id of ['a', 'b', 'c']) outbox.changed(id);
  sessions.delete('c');
  expect(sent()).toEqual([]);
  drain();
  expect(sent()).toEqual(['news b', 'a@0+5', 'news a']);
});

test('replies do not wait, and a removal ends what was to be said of the session', () => {
  const { outbox, line, output, sent, drain, addSession } = setUp();
  addSession('a');
  outbox.follow('a');
  line.open = false;
  line.queuedBytes = 1e9;
  outbox.push([output('a', 5)]);
  outbox.changed('a');
  outbox.removed('a');
  outbox.reply({ type: 'reply', id: 7, to: 'lastInput', lastInput: 1 });
  expect(sent()).toEqual(['reply 7']);
  drain();
  expect(sent()).toEqual(['removed a']);
});
