// The static shell cannot be left, and shows nothing of how it was made: SECURITY 38, 68.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadStaticShell } from '../src/http/static.ts';
import { raw } from '../../../testing/raw-sockets.ts';
import type { RawAnswer } from '../../../testing/raw-http.ts';
import { startTestServer } from '../../../testing/start-server.ts';
import type { TestServer } from '../../../testing/start-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => server.close());

const get = (path: string, headers: readonly string[] = []): Promise<RawAnswer> =>
  raw([`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${server.port}`, 'Connection: close', ...headers], { port: server.port });

const OUTSIDE = [
  '/../package.json',
  '/..',
  '/.',
  '/./index.html',
  '/assets/../index.html',
  '/assets/../../package.json',
  '/../../../../../../etc/passwd',
  '/%2e%2e/package.json',
  '/%2e%2e%2fpackage.json',
  '/..%2fpackage.json',
  '/.%2e/package.json',
  '/%252e%252e%252fpackage.json',
  '/%c0%ae%c0%ae/package.json',
  '/%uff0e%uff0e/package.json',
  '/..\\package.json',
  '/..%5cpackage.json',
  '/assets\\..\\..\\package.json',
  '/index.html%00.js',
  '/index.html%00',
  '/%00',
  '/index.html%20',
  '/index.html.',
  '/index.html/',
  '/INDEX.HTML',
  '//etc/passwd',
  '/%2fetc/passwd',
  '/%2Fetc%2Fpasswd',
  '/C:/windows/win.ini',
  '/file:///etc/passwd',
  '/proc/self/environ;',
  '/etc/passwd%3f',
  '/dist2/x',
  '/assets-old/x.js',
  '/assets/',
  '/.env',
  '/.git/config',
  '/package.json',
  '/owner.token',
  '/src/main.ts',
  '/node_modules/ws/package.json',
];

test('S38: no path leads out of the bundle: each is 404, or the app itself, which is the same for everybody', async () => {
  const app = (await get('/')).body;
  const wrong: string[] = [];
  for (const path of OUTSIDE) {
    const answer = await get(path);
    // A path that the app could have (letters and digits only) is the app; it knows its own pages.
    const isApp = answer.status === 200 && answer.body === app && /^(\/[\w-]+)*\/?$/.test(path);
    if (!isApp && answer.status !== 404 && answer.status !== 400) wrong.push(`${path}: ${answer.status}`);
    if (answer.status !== 200) expect(answer.body.length).toBeLessThan(500);
  }
  expect(wrong).toEqual([]);
});

test('S38: links out of the folder, and folders beside it with the same beginning, are not part of the shell', () => {
  const parent = mkdtempSync(join(tmpdir(), 'cotg-test-'));
  const root = join(parent, 'dist');
  const secret = 'nobody may see this';
  for (const folder of ['dist', 'dist-private', 'elsewhere', 'dist/assets']) mkdirSync(join(parent, folder));
  for (const file of ['dist-private/secret.txt', 'elsewhere/secret.txt', 'secret.txt']) writeFileSync(join(parent, file), secret);
  writeFileSync(join(root, 'index.html'), 'the app');
  writeFileSync(join(root, 'assets', 'x.js.map'), secret);
  symlinkSync(join(parent, 'secret.txt'), join(root, 'link.txt'));
  symlinkSync(join(parent, 'elsewhere'), join(root, 'folder'));
  const shell = loadStaticShell(root);
  const seen = (path: string): string => {
    let body = '';
    const response = { setHeader: () => undefined, writeHead: () => response, end: (content?: unknown) => void (body = String(content)) };
    const isOurs = shell.serve({ headers: {}, method: 'GET' } as IncomingMessage, response as unknown as ServerResponse, path);
    return isOurs ? body : 'not found';
  };
  for (const path of [
    '/link.txt',
    '/folder/secret.txt',
    '/../dist-private/secret.txt',
    '/-private/secret.txt',
    '/../secret.txt',
    '/assets/x.js.map',
    join(parent, 'secret.txt'),
  ])
    expect([path, seen(path)]).toEqual([path, 'not found']);
  expect(seen('/')).toBe('the app');
  expect(seen('/index.html')).toBe('the app');
  rmSync(parent, { recursive: true });
});

test('S68: source maps, sources, documents with a playground, and pages of debuggers are not served', async () => {
  const assets = readdirSync(fileURLToPath(new URL('../../web/dist/assets', import.meta.url)));
  expect(assets.length).toBeGreaterThan(0);
  for (const file of assets.filter((name) => name.endsWith('.js'))) {
    expect((await get(`/assets/${file}`)).status).toBe(200);
    expect((await get(`/assets/${file}.map`)).status).toBe(404);
  }
  const bearer = [`Authorization: Bearer ${server.token}`];
  for (const path of [
    '/json/list',
    '/json/version',
    '/debug',
    '/api/docs',
    '/api/playground',
    '/trpc-playground',
    '/panel',
    '/graphql',
    '/__open-in-editor',
    '/@vite/client',
    '/@fs/etc/passwd',
    '/api/debug',
    '/metrics/debug',
  ]) {
    const { status, body } = await get(path, bearer);
    // Nothing but the app's own shell, which the pages of its router are.
    expect([path, status === 404 || body.startsWith('<!doctype html>') || body.startsWith('<!DOCTYPE html>')]).toEqual([path, true]);
  }
  const answer = await get('/');
  expect(answer.head.toLowerCase()).not.toMatch(/^(server|x-powered-by|sourcemap|x-sourcemap):/m);
});
