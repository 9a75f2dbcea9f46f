// SECURITY 39: text of programs and people becomes text nodes, because nothing in our sources makes markup out of a string.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'oxc-parser';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Properties and functions by which a string becomes markup, a script, a style sheet's text in the page, or a document. */
const MAKERS: ReadonlySet<string> = new Set([
  'innerHTML',
  'outerHTML',
  'insertAdjacentHTML',
  'setHTML',
  'setHTMLUnsafe',
  'parseHTMLUnsafe',
  'createContextualFragment',
  'DOMParser',
  'srcdoc',
  'eval',
  'Function',
  'execCommand',
  'trustedTypes',
]);

/** Lets the templates of our own components in, which are constants of the build, and nothing else. */
const EXCEPTIONS = ['apps/web/src/ui/solid-dom.ts: trustedTypes'];

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path) && !/\.(test|test-d|e2e)\.tsx?$/.test(path))
    .map((path) => join(folder, path));
}

/** Names that the source uses: identifiers, members, JSX attributes; not words in strings and comments. */
function namesIn(name: string, text: string): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== 'object' || node === null) return;
    const { type, name: used, computed, property } = node as Record<string, unknown>;
    // Types name things without using them.
    if (typeof type === 'string' && type.startsWith('TS') && type.endsWith('Type')) return;
    if ((type === 'Identifier' || type === 'JSXIdentifier') && typeof used === 'string') names.add(used);
    if (type === 'MemberExpression' && computed === true) {
      const literal = (property as Record<string, unknown>)['value'];
      if (typeof literal === 'string') names.add(literal);
    }
    Object.values(node).forEach(visit);
  };
  visit(parseSync(name, text).program);
  return names;
}

const makersIn = (name: string, text: string): string[] => [...namesIn(name, text)].filter((used) => MAKERS.has(used));

test('S39: CVE-2021-28161: nothing in the page’s sources makes markup or code out of a string', () => {
  const files = [...sources('apps/web/src'), ...sources('packages/screen/src'), ...sources('packages/api/src')];
  expect(files.length).toBeGreaterThan(80);
  const found = files.flatMap((file) => makersIn(file, readFileSync(join(ROOT, file), 'utf8')).map((used) => `${file}: ${used}`));
  expect(found).toEqual(EXCEPTIONS);
});

test.each([
  'element.innerHTML = text;',
  "element['outerHTML'] = text;",
  'element.insertAdjacentHTML("beforeend", text);',
  'const view = <p innerHTML={text} />;',
  'const view = <iframe srcdoc={text} />;',
  'new DOMParser().parseFromString(text, "text/html");',
  'eval(text);',
  'new Function(text)();',
])('S39: %s would be found', (text) => {
  expect(makersIn('x.tsx', text)).toHaveLength(1);
});
