import { expect, test } from 'vitest';
import { safeLink } from './links.ts';

test('S42: a web address shows the host it leads to', () => {
  expect(safeLink('https://example.com:8443/a?b#c')).toEqual({ href: 'https://example.com:8443/a?b#c', host: 'example.com:8443' });
  expect(safeLink('http://[::1]:3000/')?.host).toBe('[::1]:3000');
});

test.each([
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'file:///etc/passwd',
  'vbscript:x',
  'intent://x#Intent;end',
  'ftp://example.com/',
  'mailto:a@example.com',
  '/relative',
  'not a link',
  '',
  'https://user:pass@example.com/',
  'https://example.com@evil.example/',
  'https://exa\u202Emple.com/',
  'https://example.com/\u202Egpj.exe',
  'https://example.com/\u200b',
  'https://example.com/\u0007',
  'java\nscript:alert(1)',
  'https://еxample.com/',
  'https://xn--xample-2of.com/',
  `https://example.com/${'a'.repeat(1_000_000)}`,
])('S42: %.60s is not opened', (text) => {
  expect(safeLink(text)).toBeUndefined();
});
