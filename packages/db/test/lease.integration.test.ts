import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { acquireLease, LeaseError } from '../src/lease.ts';
import { temporaryDirectory } from '../src/testing.ts';

const CONTENDER = fileURLToPath(new URL('support/lease-contender.ts', import.meta.url));

interface Contender extends AsyncDisposable {
  go(): void;
  /** The next line it says. */
  says(): Promise<string>;
  kill(): Promise<void>;
}

function startContender(path: string): Contender {
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(process.execPath, [CONTENDER, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  };
  return {
    go: () => void child.stdin.write('go\n'),
    says: async () => String((await lines.next()).value),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

describe('lease', () => {
  it('is held by one at a time and can be had again once it is let go', () => {
    using directory = temporaryDirectory();
    const path = directory.file('host.lease');
    {
      using lease = acquireLease(path);
      expect(lease).not.toBeNull();
      expect(acquireLease(path)).toBeNull();
    }
    using again = acquireLease(path);
    expect(again).not.toBeNull();
  });

  it('its file is for the owner alone, whatever the umask', () => {
    using directory = temporaryDirectory();
    const umask = process.umask(0);
    try {
      using lease = acquireLease(directory.file('host.lease'));
      expect(lease).not.toBeNull();
      expect(statSync(directory.file('host.lease')).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(umask);
    }
  });

  it('a directory that does not exist or cannot be used is an error, not a lost race', () => {
    using directory = temporaryDirectory();
    expect(() => acquireLease(directory.file('missing/host.lease'))).toThrow(LeaseError);
    writeFileSync(directory.file('file'), '');
    expect(() => acquireLease(directory.file('file/host.lease'))).toThrow(expect.objectContaining({ code: 'LEASE_UNUSABLE' }));
  });

  // Root may write anywhere.
  it.skipIf(process.getuid?.() === 0)('a directory that cannot be written is an error', () => {
    using directory = temporaryDirectory();
    mkdirSync(directory.file('closed'));
    chmodSync(directory.file('closed'), 0o500);
    expect(() => acquireLease(directory.file('closed/host.lease'))).toThrow(LeaseError);
    chmodSync(directory.file('closed'), 0o700);
  });

  it('F19: of twenty processes at once exactly one gets it, and when that one is killed the next can have it', async () => {
    using directory = temporaryDirectory();
    const path = directory.file('host.lease');
    await using contenders = new AsyncDisposableStack();
    const all = Array.from({ length: 20 }, () => contenders.use(startContender(path)));
    expect(await Promise.all(all.map((contender) => contender.says()))).toEqual(all.map(() => 'ready'));
    for (const contender of all) contender.go();
    const said = await Promise.all(all.map((contender) => contender.says()));
    expect(said.toSorted()).toEqual([...Array.from({ length: 19 }, () => 'lost'), 'won']);

    expect(acquireLease(path)).toBeNull();
    await all[said.indexOf('won')]?.kill();
    using lease = acquireLease(path);
    expect(lease).not.toBeNull();
  }, 60_000);
});
