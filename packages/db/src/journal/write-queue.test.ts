import { describe, expect, it } from 'vitest';
import type { MarkEntry } from './types.ts';
import { WriteQueue } from './write-queue.ts';

const all = { only: null };

function time(offset: number, mark: number): MarkEntry {
  return { kind: 'time', offset, mark, at: 0 };
}

function summary(queue: WriteQueue, maxBytes: number, choice: Parameters<WriteQueue['peek']>[1] = all): unknown[] {
  return queue.peek(maxBytes, choice).map((slice) => [slice.session, slice.offset, slice.endOffset, slice.marks.map((mark) => mark.mark)]);
}

describe('write queue', () => {
  it('joins the chunks of a session and keeps its marks', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 10, Buffer.from('ab'), 0);
    queue.pushMark(1, time(12, 7), 0);
    queue.pushBytes(1, 12, Buffer.from('cd'), 0);
    const [slice] = queue.peek(100, all);
    expect(slice).toMatchObject({ session: 1, offset: 10, endOffset: 14, marks: [time(12, 7)] });
    expect(Buffer.from(slice?.bytes ?? []).toString()).toBe('abcd');
  });

  it('holds what was looked at until it is dropped', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 0, Buffer.alloc(10), 0);
    queue.peek(100, all);
    expect(queue.bytes).toBe(10);
    expect(queue.bytesOf(1)).toBe(10);
    queue.drop(queue.peek(100, all));
    expect(queue.bytes).toBe(0);
    expect(queue.bytesOf(1)).toBeUndefined();
    expect(queue.oldestMs).toBeNull();
  });

  it('cuts a chunk that does not fit and goes on inside it, marks behind it staying behind', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 0, Buffer.from('abcdef'), 0);
    queue.pushMark(1, time(6, 1), 0);
    queue.pushBytes(1, 6, Buffer.from('gh'), 0);
    const read: string[] = [];
    const marks: number[] = [];
    for (let slices = queue.peek(4, all); slices.length > 0; slices = queue.peek(4, all)) {
      for (const slice of slices) {
        read.push(Buffer.from(slice.bytes).toString());
        marks.push(...slice.marks.map(({ offset }) => offset));
        expect(slice.marks.every(({ offset }) => offset >= slice.offset && offset <= slice.endOffset)).toBe(true);
      }
      queue.drop(slices);
    }
    expect(read).toEqual(['abcd', 'efgh']);
    expect(marks).toEqual([6]);
  });

  it('gives back what was put in, in order, whatever the room', () => {
    for (let room = 1; room <= 12; room++) {
      const queue = new WriteQueue();
      queue.pushBytes(1, 0, Buffer.from('abc'), 0);
      queue.pushBytes(1, 3, Buffer.from('d'), 0);
      queue.pushBytes(1, 4, Buffer.from('efghij'), 0);
      let read = '';
      while (queue.bytes > 0) {
        const slices = queue.peek(room, all);
        read += slices.map((slice) => Buffer.from(slice.bytes).toString()).join('');
        queue.drop(slices);
        expect(read.length + queue.bytes).toBe(10);
      }
      expect(read).toBe('abcdefghij');
    }
  });

  it('a mark exactly at the cut comes with the output before it', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 0, Buffer.alloc(4), 0);
    queue.pushMark(1, time(4, 1), 0);
    queue.pushBytes(1, 4, Buffer.alloc(4), 0);
    expect(summary(queue, 4)).toEqual([[1, 0, 4, [1]]]);
    queue.drop(queue.peek(4, all));
    expect(summary(queue, 4)).toEqual([[1, 4, 8, []]]);
  });

  it('a mark alone is a slice without bytes', () => {
    const queue = new WriteQueue();
    queue.pushMark(1, time(5, 1), 3);
    expect(queue.oldestMs).toBe(3);
    expect(summary(queue, 4)).toEqual([[1, 5, 5, [1]]]);
    queue.drop(queue.peek(4, all));
    expect(queue.oldestMs).toBeNull();
  });

  it('takes typed sessions first, then those with little, then the longest waiting', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 0, Buffer.alloc(100_000), 0);
    queue.pushBytes(2, 0, Buffer.alloc(90_000), 1);
    queue.pushBytes(3, 0, Buffer.alloc(10), 2);
    queue.pushBytes(4, 0, Buffer.alloc(50_000), 3);
    expect(queue.peek(1_000_000, { only: null, first: [4] }).map(({ session }) => session)).toEqual([4, 3, 1, 2]);
    expect(queue.peek(1_000_000, { only: [2, 9] }).map(({ session }) => session)).toEqual([2]);
  });

  it('does not starve a long queue: what is left over goes before younger output', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 0, Buffer.alloc(300_000), 0);
    queue.pushBytes(2, 0, Buffer.alloc(100_000), 1);
    queue.drop(queue.peek(200_000, all));
    queue.pushBytes(3, 0, Buffer.alloc(100_000), 2);
    expect(summary(queue, 150_000)).toEqual([
      [1, 200_000, 300_000, []],
      [2, 0, 50_000, []],
    ]);
  });

  it('refuses output that does not join', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 0, Buffer.alloc(10), 0);
    expect(() => queue.pushBytes(1, 11, Buffer.alloc(1), 0)).toThrow(expect.objectContaining({ code: 'INVARIANT' }));
  });

  it('drops only what stands behind the place held, and keeps as much of it as if nothing stood in front', () => {
    const queue = new WriteQueue();
    // Shown in an earlier pause; its gap has been stored since, it has not.
    queue.pushBytes(1, 0, Buffer.from('aaaa'), 0);
    queue.holdPlace(1, 1, 0);
    queue.takeUnshown(1);
    queue.drop(queue.peek(0, all));
    expect(queue.heldBytesOf(1)).toBe(4);
    queue.forgetOldest(1, 1);
    queue.drop(queue.peek(1, all));
    expect(queue.heldBytesOf(1)).toBe(0);

    queue.pushBytes(1, 4, Buffer.from('bbbb'), 0);
    expect(queue.holdPlace(1, 2, 0)).toMatchObject({ offset: 4, lostBytes: 0 });
    expect(queue.heldBytesOf(1)).toBe(4);
    expect(queue.forgetOldest(1, queue.heldBytesOf(1) - 4)).toBe(0);
    expect(queue.forgetOldest(1, 3)).toBe(3);
    expect(queue.forgetOldest(1, 3)).toBe(1);
    expect(queue.bytes).toBe(3);
  });

  it('discards a session alone', () => {
    const queue = new WriteQueue();
    queue.pushBytes(1, 0, Buffer.alloc(10), 0);
    queue.pushBytes(2, 0, Buffer.alloc(5), 1);
    queue.discard(1);
    expect(queue.bytes).toBe(5);
    expect(queue.oldestMs).toBe(1);
  });
});
