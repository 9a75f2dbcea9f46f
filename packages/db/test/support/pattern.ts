// Output whose every byte says where it belongs: a lost, doubled or moved byte cannot go unseen.

const WORD = 8;

/** Bytes [from, to) of session `index`: every eight bytes hold the session and their own offset. */
export function pattern(index: number, from: number, to: number): Uint8Array {
  const firstWord = Math.floor(from / WORD);
  const words = Math.ceil(to / WORD) - firstWord;
  const bytes = Buffer.alloc(words * WORD);
  for (let word = 0; word < words; word++) {
    bytes.writeUInt16LE(index, word * WORD);
    bytes.writeUIntLE((firstWord + word) * WORD, word * WORD + 2, 6);
  }
  return bytes.subarray(from - firstWord * WORD, to - firstWord * WORD);
}
