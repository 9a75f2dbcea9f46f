// Owns a worker thread that is there only while there is something for it: started at a request, ended after a while without one,
// given up when it fails or does not answer. Must not know what it is asked. Invariant: one request is in the worker at a time.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { InvariantError, StorageError } from '../errors.ts';

export interface TransientWorkerOptions {
  /** Of its file beside this one, without ending: .ts when run from source, .js after the build. */
  readonly file: string;
  readonly name: string;
  readonly workerData: unknown;
  readonly idleMs: number;
  readonly timeoutMs: number;
}

interface Asked<Reply> {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  readonly deadline: NodeJS.Timeout;
}

export class TransientWorker<Request, Reply> {
  readonly #options: TransientWorkerOptions;
  #worker: Worker | undefined;
  #asked: Asked<Reply> | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: TransientWorkerOptions) {
    this.#options = options;
  }

  /** Rejects with StorageError when the worker fails, is ended or takes too long; the next request gets a new one. */
  ask(request: Request): Promise<Reply> {
    if (this.#asked !== undefined) throw new InvariantError(`${this.#options.name} is asked twice at a time`);
    const { name, timeoutMs } = this.#options;
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#start());
    // Somebody waits for the answer; an idle worker does not keep the process alive.
    worker.ref();
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(
        () => this.#fail(new StorageError('STORAGE_FAILED', `${name} did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      deadline.unref();
      this.#asked = { resolve, reject, deadline };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      worker.postMessage(request);
    });
  }

  async end(): Promise<void> {
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    this.#settle()?.reject(new StorageError('STORAGE_CLOSED', `${this.#options.name} was ended`));
    await worker?.terminate();
  }

  #start(): Worker {
    const { file, name, workerData } = this.#options;
    // No inherited flags: the worker needs none, and a test runner's would break it.
    const worker = new Worker(new URL(`./${file}${extname(import.meta.url)}`, import.meta.url), { workerData, execArgv: [], name });
    worker.on('message', (reply: Reply) => {
      if (worker !== this.#worker) return;
      this.#rest();
      this.#settle()?.resolve(reply);
    });
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#fail(error);
    });
    worker.on('exit', (code) => {
      if (worker === this.#worker) this.#fail(new StorageError('STORAGE_FAILED', `${name} ended with exit code ${code}`));
    });
    return worker;
  }

  #rest(): void {
    this.#worker?.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.end(), this.#options.idleMs);
    this.#idle.unref();
  }

  #fail(cause: unknown): void {
    const { name } = this.#options;
    const error = cause instanceof StorageError ? cause : new StorageError('STORAGE_FAILED', `${name} failed`, { cause });
    this.#settle()?.reject(error);
    void this.end();
  }

  #settle(): Asked<Reply> | undefined {
    const asked = this.#asked;
    this.#asked = undefined;
    clearTimeout(asked?.deadline);
    return asked;
  }
}
