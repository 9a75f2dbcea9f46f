// Owns the one kind of failure that the bootstrap reports as a single line: something the person at the keyboard can act on.

export class BootstrapError extends Error {
  /** @param {string} message one line: what failed and what to do @param {{ exitCode?: number, cause?: unknown }} [options] */
  constructor(message, { exitCode = 1, cause } = {}) {
    super(message, { cause });
    this.name = 'BootstrapError';
    this.exitCode = exitCode;
  }
}
