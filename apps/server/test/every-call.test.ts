// Nothing that others can call goes untried: each procedure, each route and each command is called by a test that runs against real processes.
// It reads the tests: what it finds is a call in their text, and that the call does what it should is for them to show.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { appRouter } from '@cotg/api';
import { REST_RIGHTS } from '../src/http/rest.ts';
import { everyCommand } from './support/every-command.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Where tests and what they start lie. */
const FOLDERS = ['apps/server/test', 'apps/web/e2e', 'testing', 'examples'];

const called = [
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
      .map((name) => join(ROOT, folder, name)),
  ),
  join(ROOT, 'scripts/pack.test.ts'),
]
  .filter((path) => path !== fileURLToPath(import.meta.url))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

const missing = (names: readonly string[], pattern: (name: string) => string): string[] =>
  names.filter((name) => !new RegExp(pattern(name)).test(called));

test('each procedure is called', () => {
  const procedures = Object.keys(appRouter._def.procedures);
  expect(procedures.length).toBeGreaterThan(25);
  // As the typed client writes it, or as a plain client names it.
  const pattern = (name: string): string =>
    `\\.api\\.${name.replace('.', '\\s*\\.')}\\s*\\.\\s*(?:query|mutate|subscribe)\\(|/trpc/${name.replace('.', '\\.')}\\b`;
  expect(missing(procedures, pattern)).toEqual([]);
  expect(missing(['session.nothing'], pattern)).toEqual(['session.nothing']);
});

test('each route is called: all but the document by the client that is made from it', () => {
  const { paths } = JSON.parse(readFileSync(join(ROOT, 'docs/openapi.json'), 'utf8')) as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId));
  expect(operations.length).toBe(Object.keys(REST_RIGHTS).length - 1);
  expect(missing(operations, (name) => `\\bcall\\('${name}'`)).toEqual([]);
  expect(Object.keys(REST_RIGHTS)).toContain('GET /api/openapi.json');
  expect(called).toContain("api('/api/openapi.json')");
});

test('each command is run', async () => {
  const commands = (await everyCommand()).filter(({ length }) => length > 0).map((words) => words.join(' '));
  expect(commands.length).toBeGreaterThan(30);
  // As arguments, or as a person types it.
  const pattern = (name: string): string => {
    const words = `'${name.replaceAll(' ', "',\\s*'")}'`;
    return `${name.includes(' ') ? '' : '[[(]\\s*'}${words}|cotg ${name}\\b`;
  };
  // A command that only groups others has nothing of its own to run.
  const groups = commands.filter((name) => commands.some((other) => other.startsWith(`${name} `)) && name !== 'devices');
  expect(missing(commands, pattern).filter((name) => !groups.includes(name))).toEqual([]);
  expect(missing(['no-such'], pattern)).toEqual(['no-such']);
});
