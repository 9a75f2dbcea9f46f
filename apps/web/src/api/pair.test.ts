import { afterEach, expect, test, vi } from 'vitest';
import { codeInHash, deviceName, pairErrorText, redeemCode } from './pair.ts';

afterEach(() => {
  vi.unstubAllGlobals();
});

const answer = (status: number, body: string): void => {
  vi.stubGlobal('fetch', vi.fn().mockResolvedValue(new Response(body, { status })));
};

test.each([
  ['PAIRING_CODE_INVALID', /not valid/],
  ['PAIRING_CODE_EXPIRED', /expired/],
  ['PAIRING_CODE_USED', /already used/],
])('%s is said in one line that names the way out', async (code, text) => {
  answer(401, JSON.stringify({ title: 'x', status: 401, code, detail: 'd', retryable: false }));
  const result = await redeemCode('ABCD-EFGH', 'phone');
  expect(result).toEqual({ kind: 'refused', text: pairErrorText(code) });
  expect(pairErrorText(code)).toMatch(text);
  expect(pairErrorText(code)).toContain('./cotg pair');
  expect(pairErrorText(code)).not.toContain('\n');
});

test('three refusals of a code read differently', () => {
  expect(
    new Set(['PAIRING_CODE_INVALID', 'PAIRING_CODE_EXPIRED', 'PAIRING_CODE_USED', 'TOO_MANY_REQUESTS', undefined].map(pairErrorText)).size,
  ).toBe(5);
});

test('the code goes in the body as JSON, never in an address', async () => {
  const fetch = vi.fn().mockResolvedValue(new Response('{}', { status: 200 }));
  vi.stubGlobal('fetch', fetch);
  expect(await redeemCode('SECRET', 'phone')).toEqual({ kind: 'paired' });
  const [url, init] = fetch.mock.calls[0] as [string, RequestInit];
  expect(url).toBe('/api/pair');
  expect(init).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"code":"SECRET","name":"phone"}' });
});

test('an answer that is no problem document and a server that does not answer are refusals too', async () => {
  answer(502, '<html>bad gateway</html>');
  expect((await redeemCode('x', 'y')).kind).toBe('refused');
  vi.stubGlobal('fetch', vi.fn().mockRejectedValue(new TypeError('failed')));
  expect(await redeemCode('x', 'y')).toMatchObject({ kind: 'refused', text: expect.stringContaining('does not answer') as string });
});

test('the code is read from the fragment', () => {
  expect(codeInHash('#ABCD-EFGH')).toBe('ABCD-EFGH');
  expect(codeInHash('#a%20b')).toBe('a b');
  expect(codeInHash('#%E0%A4%A')).toBe('%E0%A4%A');
  expect(codeInHash('')).toBeUndefined();
  expect(codeInHash('#')).toBeUndefined();
});

test.each([
  ['Mozilla/5.0 (Linux; Android 15; Pixel 7) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36', 'Android phone'],
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile/15E148 Safari/604.1', 'iPhone'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15', 'Safari on Mac'],
  ['curl/8', 'Browser'],
])('%s is called %s', (userAgent, name) => {
  expect(deviceName(userAgent)).toBe(name);
});
