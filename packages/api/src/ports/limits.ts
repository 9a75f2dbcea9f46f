// The port through which the API asks whether a caller may go on. Implemented by the transport, which counts for each connection.

export interface ConnectionLimits {
  /** One procedure is called; each of a batch counts. TOO_MANY_REQUESTS. */
  call(): void;
  /** A stream is open until what is returned is disposed of. TOO_MANY_REQUESTS. */
  openStream(): Disposable;
}
