// The server dies while somebody is let in or put out.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createClient } from '@cotg/api/client';
import type { PairingLink } from '@cotg/api/client';
import { openCatalog } from '@cotg/db/catalog';
import { makeRandom } from '@cotg/pty/testing';
import { hashToken } from '../src/http/credentials.ts';
import { startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

const WRITER = fileURLToPath(new URL('support/pairing-writer.ts', import.meta.url));
const CHILD_TIMEOUT_MS = 30_000;
const FULL_SET = process.env['COTG_FAULTS'] === 'full';
const SEED = Number(process.env['COTG_SEED'] ?? Date.now() % 1_000_000_000);
/** What the quick set shortens. */
const KILLS = FULL_SET ? 50 : 8;
/** All that happens in a round takes less. */
const ROUND_MS = 60;

test('F2: killed in front of any statement of letting in and putting out: what was said to be done is done, and a code was used at most once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cotg-pairing-'));
  try {
    let isDone = false;
    let n = 0;
    for (n = 1; !isDone; n += 1) {
      const path = join(folder, `catalog-${n}.db`);
      const before = await openCatalog({ path });
      const old = {
        id: `old-${n}`,
        name: 'old',
        role: 'admin' as const,
        tokenHash: hashToken('old').toString('hex'),
        createdAt: Date.now(),
      };
      await before.devices.insert(old);
      await before.close();
      const child = spawnSync(process.execPath, ['--conditions=@cotg/source', WRITER, path, old.id, String(n)], {
        encoding: 'utf8',
        timeout: CHILD_TIMEOUT_MS,
      });
      const said = child.stdout.split('\n');
      isDone = said.includes('done');
      if (!isDone) expect([child.signal, child.stderr], `statement ${n}`).toEqual(['SIGKILL', '']);

      await using after = await openCatalog({ path });
      const active = await after.devices.active();
      const token = said.find((line) => line.startsWith('paired '))?.slice('paired '.length);
      const at = `killed in front of statement ${n}, said ${said.join(', ')}`;
      const rows = (await after.devices.list()).filter(({ name }) => name === 'new');
      expect(rows.length, at).toBeLessThanOrEqual(1);
      if (token !== undefined) expect(rows, at).toHaveLength(1);
      if (token !== undefined && !said.includes('revoked')) {
        const hash = hashToken(token).toString('hex');
        expect(
          active.some(({ tokenHash }) => tokenHash === hash),
          at,
        ).toBe(true);
      }
      if (said.includes('revoked'))
        expect(
          active.some(({ name }) => name === 'old'),
          at,
        ).toBe(false);
      if (said.includes('all revoked')) expect(active, at).toEqual([]);
      if (said.includes('wrong')) expect(await after.loginAttempts.load(Date.now()), at).not.toEqual([]);
    }
    // Two rows a pairing, a revocation and so on: it was killed in all of them.
    expect(n).toBeGreaterThan(8);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test(`F2: a server that is killed while devices come and go (seed ${SEED}): who was revoked stays out, who was let in stays in, a code works once`, async () => {
  const random = makeRandom(SEED);
  await using server = await startTestServer();
  const post = (code: string): Promise<Response> =>
    fetch(`${server.url}/api/pair`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: server.url },
      body: JSON.stringify({ code, name: 'phone' }),
    });
  const statusOf = async (token: string): Promise<number> =>
    (await fetch(`${server.url}/api/sessions`, { headers: { authorization: `Bearer ${token}` } })).status;
  const secretOf = ({ link }: PairingLink): string => link.slice(link.indexOf('#') + 1);
  const tokenOf = (response: Response): string => /=([\w-]{43});/.exec(response.headers.get('set-cookie') ?? '')?.[1] ?? '';

  let wasRevoked = 0;
  for (let round = 0; round < KILLS; round += 1) {
    const owner = createClient({ url: server.url, token: server.token });
    const first = await post(secretOf(await owner.api.pairing.start.mutate({ approve: true })));
    const { deviceId } = (await first.json()) as { deviceId: string };
    const old = tokenOf(first);
    expect(await statusOf(old)).toBe(200);
    const code = secretOf(await owner.api.pairing.start.mutate({ approve: true }));

    let isRevoked = false;
    const answers: string[] = [];
    const settled = Promise.allSettled([
      owner.api.device.revoke.mutate({ deviceId }).then(() => (isRevoked = true)),
      ...[0, 1, 2].map(async () => {
        const response = await post(code);
        if (response.status === 200) answers.push(tokenOf(response));
      }),
    ]);
    await sleep(random.below(ROUND_MS));
    await killServer(server);
    await Promise.race([settled, sleep(1000)]);
    await owner.close();
    await server.start();
    const at = `round ${round}, seed ${SEED}`;
    if (isRevoked) expect(await statusOf(old), at).toBe(401);
    if (isRevoked) wasRevoked += 1;
    expect(answers.length, at).toBeLessThanOrEqual(1);
    for (const token of answers) expect(await statusOf(token), at).toBe(200);
    expect((await post(code)).status, at).not.toBe(200);
  }
  console.log(`${KILLS} kills, ${wasRevoked} behind a revocation, seed ${SEED}`);
});

const killServer = (server: TestServer): Promise<number | null> => server.kill('SIGKILL');
