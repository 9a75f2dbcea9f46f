import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settingsTable } from './settings-table.ts';

test('the README lists the settings as they are', () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const between = /<!-- settings:begin[^>]*-->\n([\s\S]*?)<!-- settings:end -->/.exec(readme)?.[1] ?? '';
  expect(between.split('\n').slice(2).join('\n').trim()).toBe(settingsTable());
});
