import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { systemClock } from '../src/host/clock.ts';
import { endOrphans } from '../src/host/end-orphans.ts';
import { identityOf, isAlive } from '../src/host/proc.ts';

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };

async function startSleeper(script: string): Promise<ReturnType<typeof spawn>> {
  const child = spawn('bash', ['-c', `${script}; echo ready; while :; do sleep 0.1; done`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (child.stdout) await once(child.stdout, 'data');
  return child;
}

test('F20: a record that points at an innocent process (another start time, another boot, unknown) signals nobody', async () => {
  const child = await startSleeper(':');
  const identity = identityOf(child.pid ?? -1);
  const sent: number[] = [];
  await endOrphans({
    identities: [
      { ...identity, startTime: '1' },
      { ...identity, bootId: 'another boot' },
      { ...identity, startTime: null },
      { ...identity, bootId: null },
      { pid: process.pid, startTime: '1', bootId: identity.bootId },
    ],
    clock: systemClock,
    log,
    graceMs: 1,
    signal: (pid) => void sent.push(pid),
  });
  expect(sent).toEqual([]);
  expect(isAlive(identity)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('an orphan is ended with all of its terminal session, also when it ignores the hangup', async () => {
  const child = await startSleeper("trap '' HUP; sleep 1000 & true");
  const exited = once(child, 'exit');
  await endOrphans({ identities: [identityOf(child.pid ?? -1)], clock: systemClock, log, graceMs: 200 });
  await exited;
  expect(child.signalCode).toBe('SIGKILL');
});
