// Owns where output that was read is kept until it is stored and sent: side by side in large pieces of memory instead of a small one for
// each read. Must not know what the bytes are. Invariant: a byte is written once, before anyone is given it.
//
// Why: a flood reads 4 KiB at a time, and what lies between two garbage collections is tens of megabytes. As small pieces they leave the
// C heap full of holes that it never gives back (measured after 100 x 1 MB: 28 MiB); large ones come from the kernel and return to it.

/** Well above the size from which the host's allocator asks the kernel for each piece (MALLOC_MMAP_THRESHOLD_, set where the host is started). */
const SLAB_BYTES = 64 * 1024;
/** Less is copied for itself: a few bytes that wait for a slow reader must not hold a whole slab. */
const SMALL_BYTES = 1024;

export class Slabs {
  #slab = new Uint8Array(0);
  #used = 0;

  /** A copy. */
  keep(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length < SMALL_BYTES || length > SLAB_BYTES) return bytes.slice();
    if (this.#used + length > this.#slab.length) {
      this.#slab = new Uint8Array(Buffer.allocUnsafeSlow(SLAB_BYTES).buffer);
      this.#used = 0;
    }
    const kept = this.#slab.subarray(this.#used, this.#used + length);
    kept.set(bytes);
    this.#used += length;
    return kept;
  }
}
