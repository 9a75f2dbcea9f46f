// Owns the reader worker: started at the first request, ended when nobody has asked for a while, replaced when it fails.
// Must not know what a page is. Invariant: one request is in the worker at a time, the others wait here, where they can be aborted.
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { StorageError } from '../errors.ts';
import type { ReaderReply, ReaderWorkerData } from './reader-messages.ts';
import { compileReaderQueries } from './reader-queries.ts';
import type { PageRequest } from './reader.ts';
import type { HistoryPage } from './types.ts';

/** A page of 1 MiB takes 1-15 ms, the start of a worker 100 ms; beyond this the disk or the worker is stuck (ms). */
const READ_TIMEOUT_MS = 15_000;
/** A worker costs about 16 MB: it goes when nobody has read for this long (ms). */
const IDLE_MS = 60_000;
/** Requests that wait; each connection sends a few. */
const MAX_WAITING = 1024;
/** A read that has taken this long is stuck when it keeps the write-ahead log from its end (ms): ordinary ones take 1-15, on a busy machine ten times that. */
const STUCK_MS = 500;

interface Job {
  readonly request: PageRequest;
  /** Settles the caller's promise; the first call counts. */
  readonly settle: (outcome: { readonly page: HistoryPage } | { readonly error: unknown }) => void;
  settled: boolean;
  startedMs: number;
  /** Its worker was ended under it; a second time it fails. */
  ended: boolean;
}

export interface HistoryReaderOptions {
  readonly path: string;
  readonly onFailure: (cause: unknown) => void;
  /** Instead of reader-worker.ts: tests have one that gets stuck. */
  readonly workerFile?: URL | undefined;
}

export class HistoryReader {
  readonly #options: HistoryReaderOptions;
  readonly #waiting: Job[] = [];
  #running: Job | undefined;
  #worker: Worker | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #paused = false;
  #closed = false;

  constructor(options: HistoryReaderOptions) {
    this.#options = options;
  }

  /** Rejects with the signal's reason, or with StorageError. */
  read(request: PageRequest, signal: AbortSignal): Promise<HistoryPage> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new StorageError('HISTORY_BUSY', `${MAX_WAITING} requests for history wait already`));
    }
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => {
        job.settle({ error: signal.reason });
        const at = this.#waiting.indexOf(job);
        if (at >= 0) this.#waiting.splice(at, 1);
      };
      const job: Job = {
        request,
        settled: false,
        startedMs: 0,
        ended: false,
        settle: (outcome) => {
          if (job.settled) return;
          job.settled = true;
          signal.removeEventListener('abort', abort);
          if ('page' in outcome) resolve(outcome.page);
          else reject(outcome.error);
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiting.push(job);
      this.#next();
    });
  }

  /** While paused no read begins; one under way goes on. */
  pause(paused: boolean): void {
    if (this.#paused === paused) return;
    this.#paused = paused;
    this.#next();
  }

  /** Ends a read that has taken too long, with its worker and so its transaction; it is tried once more. Says what was found. */
  endStuck(): 'none' | 'reading' | 'ended' {
    const job = this.#running;
    if (job === undefined) return 'none';
    if (performance.now() - job.startedMs < STUCK_MS) return 'reading';
    if (job.ended) job.settle({ error: new StorageError('HISTORY_TIMEOUT', 'the reader was stuck, twice') });
    else if (!job.settled) this.#waiting.unshift(job);
    job.ended = true;
    this.#running = undefined;
    void this.#stopWorker();
    this.#next();
    return 'ended';
  }

  /** Rejects what waits and ends the worker. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const job of [...this.#waiting.splice(0), ...(this.#running === undefined ? [] : [this.#running])]) {
      job.settle({ error: closedError() });
    }
    await this.#stopWorker();
  }

  #next(): void {
    if (this.#running !== undefined || this.#closed || this.#paused) return;
    const job = this.#waiting.shift();
    if (job === undefined) {
      this.#rest();
      return;
    }
    clearTimeout(this.#idle);
    this.#running = job;
    job.startedMs = performance.now();
    this.#worker ??= this.#startWorker();
    this.#worker.ref();
    this.#deadline = setTimeout(() => {
      this.#fail(new StorageError('HISTORY_TIMEOUT', `the reader did not answer within ${READ_TIMEOUT_MS} ms`));
    }, READ_TIMEOUT_MS);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
    this.#worker.postMessage(job.request);
  }

  /** An idle worker does not keep the process alive. */
  #rest(): void {
    if (this.#worker === undefined) return;
    this.#worker.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#stopWorker(), IDLE_MS);
    this.#idle.unref();
  }

  #startWorker(): Worker {
    // Beside this file, with the same ending: .ts when run from source, .js after the build.
    const file = this.#options.workerFile ?? new URL(`./reader-worker${extname(import.meta.url)}`, import.meta.url);
    const workerData: ReaderWorkerData = { path: this.#options.path, queries: compileReaderQueries() };
    // No inherited flags: the worker needs none, and a test runner's would break it.
    const worker = new Worker(file, { workerData, execArgv: [], name: 'journal-reader' });
    worker.on('message', (reply: ReaderReply) => {
      if (worker === this.#worker) this.#finish(reply);
    });
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#fail(error);
    });
    worker.on('exit', (exitCode) => {
      if (worker === this.#worker) this.#fail(new StorageError('STORAGE_FAILED', `the reader ended with exit code ${exitCode}`));
    });
    return worker;
  }

  #finish(reply: ReaderReply): void {
    clearTimeout(this.#deadline);
    this.#running?.settle(reply.kind === 'page' ? { page: reply.page } : { error: new StorageError(reply.code, reply.message) });
    this.#running = undefined;
    this.#next();
  }

  #fail(cause: unknown): void {
    this.#options.onFailure(cause);
    const error = cause instanceof StorageError ? cause : new StorageError('STORAGE_FAILED', 'the reader failed', { cause });
    this.#running?.settle({ error });
    this.#running = undefined;
    void this.#stopWorker();
    this.#next();
  }

  async #stopWorker(): Promise<void> {
    clearTimeout(this.#deadline);
    clearTimeout(this.#idle);
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

function closedError(): StorageError {
  return new StorageError('STORAGE_CLOSED', 'the journal is closed');
}
