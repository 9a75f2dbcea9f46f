import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const OPENERS = 4;
const ROUNDS = 200;

/** Opens each directory it is told, and says what it found. */
const OPENER = `
  import { createInterface } from 'node:readline';
  import { openDataDir } from ${JSON.stringify(fileURLToPath(new URL('../src/data-dir.ts', import.meta.url)))};
  createInterface({ input: process.stdin }).on('line', (path) => {
    const { ownerToken, hostSecret } = openDataDir(path);
    console.log(ownerToken + ' ' + hostSecret);
  });
  console.log('ready');
`;

test('F18: servers that make one data directory at the same moment find the same secrets in it', { timeout: 60_000 }, async () => {
  const parent = mkdtempSync(join(tmpdir(), 'cotg-test-'));
  const openers = Array.from({ length: OPENERS }, () => {
    const child = spawn(process.execPath, ['--conditions=@cotg/source', '--input-type=module-typescript', '--eval', OPENER], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, next: async (): Promise<unknown> => (await lines.next()).value };
  });
  try {
    expect(await Promise.all(openers.map((opener) => opener.next()))).toEqual(Array.from({ length: OPENERS }, () => 'ready'));
    for (let round = 0; round < ROUNDS; round += 1) {
      const path = join(parent, String(round));
      for (const { child } of openers) child.stdin.write(`${path}\n`);
      const found = new Set(await Promise.all(openers.map((opener) => opener.next())));
      expect(found.size, `round ${round}`).toBe(1);
      expect([...found][0]).toMatch(/^\S{43} \S{43}$/);
    }
  } finally {
    for (const { child } of openers) child.stdin.end();
    await Promise.all(openers.filter(({ child }) => child.exitCode === null).map(({ child }) => once(child, 'exit')));
    rmSync(parent, { recursive: true, force: true });
  }
});
