// Owns turning chunks that are made one after the other into the body of an answer.

/**
 * Waits for the first chunk and throws what it throws: until then the status can still say it. What fails later goes to `failed`, which is to cut the
 * connection: the only honest way to say that the rest is missing. Neither the end of the stream nor its error would do: the adapter writes an
 * error's text into the body and ends it as if it were whole. When the reader goes, the generator returns.
 */
export async function streamOf(
  chunks: AsyncGenerator<Uint8Array, void>,
  failed: (error: unknown) => void,
): Promise<ReadableStream<Uint8Array>> {
  let next: IteratorResult<Uint8Array, void> | undefined = await chunks.next();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const result = next ?? (await chunks.next());
        next = undefined;
        if (result.done === true) controller.close();
        else controller.enqueue(result.value);
      } catch (error) {
        failed(error);
      }
    },
    async cancel() {
      await chunks.return();
    },
  });
}
