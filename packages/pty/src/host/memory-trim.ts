// Owns giving memory back to the kernel when it is quiet after a flood. Must not know what the memory was for.
//
// A quiet process allocates nothing, so the engine's collector does not run, and the buffers of the last flood stay (measured after 100 x 1 MB:
// 20 MiB). And the C heap keeps what was freed in pieces of a few kilobytes, because something small always lives above it: malloc_trim(3)
// gives free pages back wherever they lie. Together about 10 ms, when nobody waits.
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock, Timer } from './clock.ts';

/** Nothing was printed for so long: longer than the engine's own collector waits before it tidies up (ms). */
const QUIET_MS = 10_000;
/** And again twice: compressing what the flood has printed begins only now, and takes a second for three megabytes (ms). */
const AGAIN_MS = 60_000;
const AGAIN_TIMES = 2;
/** Less output than this leaves nothing worth a look (bytes). */
const MIN_OUTPUT_BYTES = 4 * 1024 * 1024;

export interface MemoryTrim {
  printed(bytes: number): void;
  close(): void;
}

export function makeMemoryTrim(options: { readonly clock: Clock; readonly trim: () => void }): MemoryTrim {
  const { clock, trim } = options;
  let printed = 0;
  let lastMs = 0;
  let timer: Timer | undefined;
  const look = (): void => {
    const quietMs = clock.monotonic() - lastMs;
    if (quietMs < QUIET_MS) {
      timer = clock.after(QUIET_MS - quietMs, look);
      return;
    }
    timer = undefined;
    printed = 0;
    trim();
    again(AGAIN_TIMES);
  };
  const again = (times: number): void => {
    if (times === 0) return;
    timer = clock.after(AGAIN_MS, () => {
      timer = undefined;
      // A new flood has its own quiet moment.
      if (printed >= MIN_OUTPUT_BYTES) return look();
      trim();
      again(times - 1);
    });
  };
  return {
    printed(bytes) {
      printed += bytes;
      lastMs = clock.monotonic();
      if (printed >= MIN_OUTPUT_BYTES) timer ??= clock.after(QUIET_MS, look);
    },
    close() {
      timer?.cancel();
      timer = undefined;
    },
  };
}

/** Without koffi, or with a C library that has no such call, only the engine's part is done. */
export function openTrim(): () => void {
  // The flag gives every new context a `gc`; ours never sees it.
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (how: object) => void;
  setFlagsFromString('--no-expose-gc');
  const mallocTrim = openMallocTrim();
  return () => {
    // As when memory runs out: an ordinary collection keeps the room it has freed.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    mallocTrim?.();
  };
}

function openMallocTrim(): (() => void) | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const mallocTrim = koffi.load(null).func('int malloc_trim(size_t pad)') as unknown as (pad: number) => number;
    return () => void mallocTrim(0);
  } catch {
    return undefined; // musl has none; koffi is optional.
  }
}
