// Owns a host in this process for tests: its own folder, socket, secret and journal; everything ends with it.
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectHost } from '../client/host-client.ts';
import type { HostClient, HostReply, RequestFields } from '../client/host-client.ts';
import { startHost } from '../host/host.ts';
import type { HostOptions, RunningHost } from '../host/host.ts';
import type { HostLog } from '../host/log.ts';
import type { OutputJournal } from '../host/output-journal.ts';
import { MemoryJournal } from '../host/memory-journal.ts';

export interface TestHost<J extends OutputJournal> extends AsyncDisposable {
  readonly host: RunningHost;
  readonly journal: J;
  readonly folder: string;
  readonly socketPath: string;
  readonly secret: string;
  /** What the host logged, newest last. */
  readonly logged: readonly { readonly level: string; readonly message: string; readonly fields: object }[];
  /** Closed with the host. */
  connect(): Promise<HostClient>;
}

export type TestHostOptions<J extends OutputJournal> = Partial<HostOptions> & { readonly journal?: J };

/** The limits and the secret are the real ones unless given; output is kept in memory unless a journal is given. */
export async function startTestHost(options?: TestHostOptions<MemoryJournal>): Promise<TestHost<MemoryJournal>>;
export async function startTestHost<J extends OutputJournal>(options: TestHostOptions<J> & { readonly journal: J }): Promise<TestHost<J>>;
export async function startTestHost(options: TestHostOptions<OutputJournal> = {}): Promise<TestHost<OutputJournal>> {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-pty-'));
  const socketPath = options.socketPath ?? join(folder, 'host.sock');
  const secret = options.secret ?? randomUUID();
  const journal = options.journal ?? new MemoryJournal();
  const logged: { level: string; message: string; fields: object }[] = [];
  const log: HostLog = {
    info: (fields, message) => void logged.push({ level: 'info', message, fields }),
    warn: (fields, message) => void logged.push({ level: 'warn', message, fields }),
    error: (fields, message) => void logged.push({ level: 'error', message, fields }),
  };
  const host = await startHost({ version: 'test', log, ...options, journal, socketPath, secret }).catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  const clients: HostClient[] = [];
  return {
    host,
    journal,
    folder,
    socketPath,
    secret,
    logged,
    async connect() {
      const client = await connectHost({ socketPath, secret, clientVersion: 'test' });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await host.close();
      await journal.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What `create` needs, for a shell that reads no start files. */
export function createFields(change: Partial<RequestFields<'create'>> = {}): RequestFields<'create'> {
  return {
    sessionId: randomUUID(),
    command: ['sh'],
    cwd: tmpdir(),
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: tmpdir(), LANG: 'C.UTF-8', PS1: '$ ' },
    cols: 80,
    rows: 24,
    maxHistoryBytes: 50 * 1024 * 1024,
    idleTimeoutMs: 0,
    ...change,
  };
}

export function createSession(client: HostClient, change: Partial<RequestFields<'create'>> = {}): Promise<HostReply<'create'>> {
  return client.request('create', createFields(change));
}
