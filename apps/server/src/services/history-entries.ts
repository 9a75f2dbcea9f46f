// Owns a session's history as its entries, one JSON object a line: what is stored, for tools and for looking closely. Output is text (`data`) where
// it is whole UTF-8, else base64; marks are as the journal has them, their times in ISO 8601; what cannot be read has its range.
import type { DamagedHistoryError, StreamEntry } from './entries.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function entryLine(entry: StreamEntry): string {
  if (entry.kind === 'output') return line({ offset: entry.offset, kind: 'output', length: entry.bytes.length, ...contentOf(entry.bytes) });
  const { offset, mark, kind, at, ...rest } = entry.entry;
  return line({ offset, kind, mark, at: new Date(at).toISOString(), ...rest });
}

export function damageLine({ offset, endOffset, message }: DamagedHistoryError): string {
  return line({ offset, kind: 'damaged', length: endOffset - offset, detail: message });
}

function contentOf(bytes: Uint8Array): { readonly data: string } | { readonly base64: string } {
  try {
    return { data: decoder.decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

const line = (value: object): string => `${JSON.stringify(value)}\n`;
