import { expect, test } from 'vitest';
import { readSource } from './source.mjs';

const importsOf = (text: string) =>
  readSource('file.ts', text).imports.map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' (type)' : ''}`);
const usesOf = (text: string, path = 'file.tsx') => readSource(path, text).uses.map(({ kind, what }) => `${kind}: ${what}`);

test('every way to name a module is seen', () => {
  const text = [
    "import a from 'a'; import type B from 'b'; import 'c.css';",
    "export * from 'd'; export type { E } from 'e'; export { f } from 'f';",
    "const g = await import('g'); let h: import('h').H; let i: typeof import('i');",
    "const j = require('j'); require.resolve('k'); createRequire(import.meta.url)('l'); import.meta.resolve('m');",
    "import n = require('n'); new Worker(new URL('./o.js', import.meta.url)); const p = await import(`p`);",
  ].join('\n');
  expect(importsOf(text)).toEqual('a|b (type)|c.css|d|e (type)|f|g|h (type)|i (type)|j|k|l|m|n|./o.js|p'.split('|'));
});

test('an import whose names are all types still runs the module, so it is no type import', () => {
  expect(importsOf("import { type A } from 'a';")).toEqual(['a']);
});

test('a module named at run time is reported as unknown', () => {
  expect(importsOf('import(name); require(`./${name}`);')).toEqual(['null', 'null']);
});

test('names in comments and strings are no imports', () => {
  expect(importsOf("// import 'a'\nconst text = \"import 'b'\"; /* require('c') */")).toEqual([]);
});

test('a line is counted from 1', () => {
  expect(readSource('file.ts', "\n\nimport 'a';").imports[0]?.line).toBe(3);
});

test('the environment is seen however it is read', () => {
  expect(usesOf("process.env.HOME; globalThis.process['env']; const { env } = process;")).toHaveLength(3);
  expect(usesOf("import { env } from 'node:process';")).toEqual(['process-env: env of node:process']);
});

test('SQL is seen in strings and templates, prose is not', () => {
  expect(usesOf("const a = 'PRAGMA user_version'; const b = `INSERT INTO ${table} VALUES (1)`;")).toHaveLength(2);
  expect(usesOf("const a = 'Select a session from the list';")).toEqual([]);
});

test('markup from text is seen in code and in JSX', () => {
  expect(usesOf('node.innerHTML = x; document.write(x); const a = <p innerHTML={x} class="y" />;')).toEqual([
    'html-sink: innerHTML',
    'html-sink: document.write',
    'html-sink: innerHTML',
  ]);
});

test('searching in a text is seen, comparing is not', () => {
  expect(usesOf("origin.startsWith(a); origin?.['includes'](b); /x/.test(origin); new RegExp(c);")).toEqual([
    'text-search: startsWith',
    'text-search: includes',
    'text-search: test',
    'text-search: a regular expression',
    'text-search: RegExp',
  ]);
  expect(usesOf('allowed.has(origin) && origin === other;')).toEqual([]);
});
