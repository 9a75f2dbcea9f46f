import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, readFileSync, readdirSync, rmSync, statSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { LogFile } from './log-file.ts';

const folders: string[] = [];
const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'cotg-log-'));
  folders.push(path);
  return path;
};
afterEach(() => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});

const bounds = { fileBytes: 1000, olderFiles: 2 };
const line = (n: number): string => `line ${String(n).padStart(5, '0')}\n`;

test('a log file keeps to its bound, and its newest lines are whole and in order', () => {
  const path = join(folder(), 'server.log');
  const log = new LogFile(bounds);
  log.open(path);
  for (let n = 0; n < 1000; n += 1) log.write(line(n));
  log.close();
  const files = [`${path}.2`, `${path}.1`, path];
  expect(readdirSync(join(path, '..')).toSorted()).toEqual(['server.log', 'server.log.1', 'server.log.2']);
  for (const file of files) {
    expect(statSync(file).size).toBeLessThanOrEqual(bounds.fileBytes + line(0).length);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  }
  const kept = files.map((file) => readFileSync(file, 'utf8')).join('');
  const first = Number(/line (\d+)/.exec(kept)?.[1]);
  expect(first).toBeLessThan(900);
  expect(kept).toBe(Array.from({ length: 1000 - first }, (_, n) => line(first + n)).join(''));
});

test('F29: where older lines cannot be kept they go, the bound holds, and nobody is told', () => {
  const path = join(folder(), 'server.log');
  // A folder of that name: nothing can be copied there.
  mkdirSync(join(`${path}.1`, 'in the way'), { recursive: true });
  mkdirSync(join(`${path}.2`, 'in the way'), { recursive: true });
  const log = new LogFile(bounds);
  log.open(path);
  for (let n = 0; n < 1000; n += 1) log.write(line(n));
  log.close();
  expect(statSync(path).size).toBeLessThanOrEqual(bounds.fileBytes + line(0).length);
});

test('F29: a log that cannot be opened or written to ends nobody', () => {
  const log = new LogFile(bounds);
  log.open(join(folder(), 'not there', 'server.log'));
  log.write('lost\n');
  log.open('/dev/full');
  log.write('lost\n');
  log.close();
});

test("the host's stderr keeps to its bound while it goes on being that file", () => {
  const path = join(folder(), 'host.log');
  const stderr = openSync(path, 'a', 0o600);
  const program = `
    import { makeLineLog } from ${JSON.stringify(new URL('line-log.ts', import.meta.url).href)};
    import { boundStderrFile } from ${JSON.stringify(new URL('log-file.ts', import.meta.url).href)};
    const log = makeLineLog('host', () => boundStderrFile(${JSON.stringify(path)}, ${JSON.stringify(bounds)}));
    for (let n = 0; n < 100; n += 1) log.info({ n }, 'a line');
    throw new Error('its last words');
  `;
  const { status } = spawnSync(process.execPath, ['--conditions=@cotg/source', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', stderr],
  });
  closeSync(stderr);
  expect(status).toBe(1);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('"n":99');
  expect(text).toContain('its last words');
  expect(readFileSync(`${path}.1`, 'utf8')).toContain('"msg":"a line"');
  expect(statSync(`${path}.1`).size).toBeLessThan(2 * bounds.fileBytes);
});
