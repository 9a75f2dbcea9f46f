// Owns reading the state in a snapshot: deflate-raw around the layout of @cotg/screen. What comes in may be damaged or hostile:
// it unpacks to a bounded size, and every field is checked.
import { decodeState, MAX_STATE_BYTES, ScreenError } from '@cotg/screen';
import type { ScreenState } from '@cotg/screen';

/** Rejects with ScreenError, or the signal's reason. */
export async function unpackState(packed: Uint8Array, signal: AbortSignal): Promise<ScreenState> {
  const bytes = await inflate(packed, signal);
  signal.throwIfAborted();
  return decodeState(bytes);
}

async function inflate(packed: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
  const source = new ReadableStream({
    start: (controller) => {
      controller.enqueue(packed);
      controller.close();
    },
  });
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = source.pipeThrough(new DecompressionStream('deflate-raw'), { signal }).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > MAX_STATE_BYTES) throw new ScreenError('SCREEN_TOO_LARGE', `the state unpacks to more than ${MAX_STATE_BYTES} bytes`);
      parts.push(value);
    }
  } catch (error) {
    if (signal.aborted || error instanceof ScreenError) throw error;
    throw new ScreenError('SCREEN_CORRUPT', 'the state cannot be unpacked', { cause: error });
  } finally {
    reader.cancel().catch(() => undefined); // Already ended, or failed with what is thrown above.
  }
  return joined(parts, length);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
