// Owns how output, marks and facts become the events that viewers get. Pure.
import type { AttachEvent } from '@cotg/api';
import type { HostSession } from '@cotg/pty/client';
import type { ScreenFact } from '@cotg/screen';
import type { StreamEntry } from './entries.ts';

/** Neighbouring outputs as one, and long ones in parts of at most `maxBytes`. */
export function* joinOutput(entries: readonly StreamEntry[], maxBytes: number): Generator<StreamEntry> {
  let parts: Uint8Array[] = [];
  let [offset, length] = [0, 0];
  const joined = (): StreamEntry => ({ kind: 'output', offset, bytes: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts) });
  for (const entry of entries) {
    if (parts.length > 0 && (entry.kind === 'mark' || length + entry.bytes.length > maxBytes)) {
      yield joined();
      parts = [];
      length = 0;
    }
    if (entry.kind === 'mark') {
      yield entry;
      continue;
    }
    for (let at = 0; at < entry.bytes.length; at += maxBytes) {
      if (parts.length === 0) offset = entry.offset + at;
      const part = entry.bytes.subarray(at, at + maxBytes);
      parts.push(part);
      length += part.length;
      if (length >= maxBytes) {
        yield joined();
        parts = [];
        length = 0;
      }
    }
  }
  if (parts.length > 0) yield joined();
}

/** How it ended; undefined while it lives. */
export function endOf({ state, reason, exitCode, signal, endedAt, run, endOffset, lastMark }: HostSession): AttachEvent | undefined {
  if (endedAt === null || reason === null) return undefined;
  return eventOf({
    kind: 'mark',
    entry: { kind: 'exit', offset: endOffset, mark: lastMark, at: endedAt, run, state, reason, exitCode, signal },
  });
}

export function eventOfFact(fact: ScreenFact, title: string): AttachEvent {
  switch (fact.kind) {
    case 'title':
      return { type: 'title', title };
    case 'bell':
      return { type: 'bell' };
    case 'attention':
      return { type: 'attention', on: true, text: [fact.title, fact.body].filter((part) => part !== '').join(': ') };
  }
}

/** Undefined for what viewers do not get. */
export function eventOf(entry: StreamEntry): AttachEvent | undefined {
  if (entry.kind === 'output') return { type: 'output', offset: entry.offset, bytes: entry.bytes };
  const mark = entry.entry;
  switch (mark.kind) {
    case 'resize':
      return { type: 'resize', offset: mark.offset, cols: mark.cols, rows: mark.rows };
    case 'seam':
      return { type: 'seam', offset: mark.offset, run: mark.run, note: mark.note };
    case 'gap':
      if (mark.lostBytes === 0) return undefined;
      return {
        type: 'gap',
        offset: mark.offset,
        lostBytes: mark.lostBytes,
        message: `${mark.lostBytes} bytes of output are missing here: never stored, or lost since.`,
      };
    case 'exit':
      return { type: 'exit', offset: mark.offset, state: mark.state, code: mark.exitCode, signal: mark.signal, reason: mark.reason };
    case 'time':
      return undefined;
  }
}
