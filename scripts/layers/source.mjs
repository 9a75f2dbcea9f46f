// Owns reading one source file: the modules it names and the uses that some rule forbids, each with its line.
// It must not know rooms or rules. Invariant: a way of importing that cannot be read is reported as such, never passed over.
import { parseSync } from 'oxc-parser';

/**
 * @typedef {object} Import
 * @property {string | null} specifier   null when it is computed at run time
 * @property {boolean} typeOnly          gone after type stripping
 * @property {boolean} asset             a file handed over by path (`new URL('./worker.js', import.meta.url)`)
 * @property {number} line
 *
 * @typedef {object} Use                 something that a rule may forbid in this place
 * @property {'process-env' | 'sql' | 'html-sink' | 'text-search'} kind
 * @property {string} what
 * @property {number} line
 *
 * @typedef {{ type: string, start: number, [key: string]: unknown }} Node
 */

/** Ways in which text becomes markup or script. */
const HTML_SINKS = new Set(['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'createContextualFragment', 'setHTMLUnsafe', 'srcdoc']);

/** Ways to compare by part of a text; an allow-list needs equality. */
const TEXT_SEARCHES = new Set(['startsWith', 'endsWith', 'includes', 'indexOf', 'lastIndexOf', 'match', 'matchAll', 'search', 'test']);

/** Statements in the upper case in which this project writes SQL. */
const SQL =
  /\b(SELECT\s[\s\S]+\sFROM\s|INSERT\s+(OR\s+\w+\s+)?INTO\s|DELETE\s+FROM\s|UPDATE\s+\w+\s+SET\s|(CREATE|DROP|ALTER)\s+(TABLE|INDEX|VIEW|TRIGGER)\s|PRAGMA\s+\w)/;

/** Reads one file; throws with the parser's own message when it is not valid. @param {string} path @param {string} text */
export function readSource(path, text) {
  const parsed = parseSync(path, text, { sourceType: 'module' });
  const [problem] = parsed.errors;
  if (problem !== undefined) throw new Error(`${path}: ${problem.message}`);
  const lineAt = lineCounter(text);
  /** @type {Import[]} */
  const imports = [];
  /** @type {Use[]} */
  const uses = [];
  walk(/** @type {Node} */ (/** @type {unknown} */ (parsed.program)), (node) => {
    const found = importIn(node);
    if (found !== null) imports.push({ ...found, line: lineAt(node.start) });
    const use = useIn(node);
    if (use !== null) uses.push({ ...use, line: lineAt(node.start) });
  });
  return { imports, uses };
}

/** @param {Node} node @returns {Omit<Import, 'line'> | null} */
function importIn(node) {
  switch (node.type) {
    // `import { type A } from 'x'` keeps `import {} from 'x'` when types are stripped: only a leading `type` makes it a type import.
    case 'ImportDeclaration':
      return { specifier: text(node['source']), typeOnly: node['importKind'] === 'type', asset: false };
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return isNode(node['source']) ? { specifier: text(node['source']), typeOnly: node['exportKind'] === 'type', asset: false } : null;
    case 'ImportExpression':
      return { specifier: text(node['source']), typeOnly: false, asset: false };
    case 'TSImportType':
      return { specifier: text(node['source'] ?? node['argument']), typeOnly: true, asset: false };
    case 'TSExternalModuleReference':
      return { specifier: text(node['expression']), typeOnly: false, asset: false };
    case 'CallExpression': {
      const callee = nodeIn(node, 'callee');
      const required =
        name(callee) === 'require' ||
        (callee.type === 'MemberExpression' && name(callee['object']) === 'require' && name(callee['property']) === 'resolve');
      const called = callee.type === 'CallExpression' && name(callee['callee']) === 'createRequire';
      const resolved = callee.type === 'MemberExpression' && isImportMeta(callee['object']) && name(callee['property']) === 'resolve';
      if (!required && !called && !resolved) return null;
      return { specifier: text(first(node['arguments'])), typeOnly: false, asset: false };
    }
    case 'NewExpression': {
      const [target, base] = list(node['arguments']);
      if (name(node['callee']) !== 'URL' || !isNode(base) || base.type !== 'MemberExpression' || !isImportMeta(base['object'])) return null;
      // A computed path is no import of a module we ship: workers and entries are named by literals.
      const path = text(target);
      return path === null ? null : { specifier: path, typeOnly: false, asset: true };
    }
    default:
      return null;
  }
}

/** @param {Node} node @returns {Omit<Use, 'line'> | null} */
function useIn(node) {
  switch (node.type) {
    case 'MemberExpression': {
      const property = name(node['property']) ?? text(node['property']);
      if (property === 'env' && isProcess(node['object'])) return { kind: 'process-env', what: 'process.env' };
      if (property !== null && HTML_SINKS.has(property)) return { kind: 'html-sink', what: property };
      if (property !== null && TEXT_SEARCHES.has(property)) return { kind: 'text-search', what: property };
      if ((property === 'write' || property === 'writeln') && name(node['object']) === 'document')
        return { kind: 'html-sink', what: `document.${property}` };
      return null;
    }
    // const { env } = process
    case 'VariableDeclarator': {
      const id = nodeIn(node, 'id');
      if (id.type !== 'ObjectPattern' || !isProcess(node['init'])) return null;
      return list(id['properties']).some((property) => isNode(property) && name(property['key']) === 'env')
        ? { kind: 'process-env', what: 'process.env' }
        : null;
    }
    // import { env } from 'node:process'
    case 'ImportDeclaration': {
      const from = text(node['source']);
      if (from !== 'node:process' && from !== 'process') return null;
      return list(node['specifiers']).some((part) => isNode(part) && name(part['imported']) === 'env')
        ? { kind: 'process-env', what: 'env of node:process' }
        : null;
    }
    case 'JSXAttribute': {
      const attribute = isNode(node['name']) ? node['name']['name'] : null;
      return typeof attribute === 'string' && HTML_SINKS.has(attribute) ? { kind: 'html-sink', what: attribute } : null;
    }
    case 'Identifier':
      return node['name'] === 'RegExp' ? { kind: 'text-search', what: 'RegExp' } : null;
    case 'Literal': {
      if (isNode(node['regex']) || (typeof node['regex'] === 'object' && node['regex'] !== null))
        return { kind: 'text-search', what: 'a regular expression' };
      const value = node['value'];
      return typeof value === 'string' && SQL.test(value) ? { kind: 'sql', what: value.trim().slice(0, 40) } : null;
    }
    case 'TemplateLiteral': {
      const value = list(node['quasis'])
        .map((quasi) => (isNode(quasi) ? /** @type {{ raw?: string }} */ (quasi['value']).raw : ''))
        .join(' x ');
      return SQL.test(value) ? { kind: 'sql', what: value.trim().slice(0, 40) } : null;
    }
    default:
      return null;
  }
}

/** @param {Node} node @param {(node: Node) => void} visit */
function walk(node, visit) {
  visit(node);
  for (const key of Object.keys(node)) {
    const value = node[key];
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) walk(item, visit);
    } else if (isNode(value)) walk(value, visit);
  }
}

/** @param {unknown} value @returns {value is Node} */
const isNode = (value) => typeof value === 'object' && value !== null && typeof (/** @type {Node} */ (value).type) === 'string';

/** @param {unknown} value @returns {unknown[]} */
const list = (value) => (Array.isArray(value) ? value : []);

/** @param {unknown} value */
const first = (value) => list(value)[0];

/** @param {Node} node @param {string} key @returns {Node} */
const nodeIn = (node, key) => (isNode(node[key]) ? node[key] : { type: 'none', start: node.start });

/** The text of a literal (or of a template without holes), else null. @param {unknown} node @returns {string | null} */
function text(node) {
  if (!isNode(node)) return null;
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value'];
  if (node.type === 'TSLiteralType') return text(node['literal']);
  const quasis = list(node['quasis']);
  if (node.type !== 'TemplateLiteral' || quasis.length !== 1 || !isNode(quasis[0])) return null;
  return /** @type {{ cooked?: string }} */ (quasis[0]['value']).cooked ?? null;
}

/** @param {unknown} node @returns {string | null} */
const name = (node) => (isNode(node) && (node.type === 'Identifier' || node.type === 'PrivateIdentifier') ? String(node['name']) : null);

/** @param {unknown} node */
const isProcess = (node) =>
  name(node) === 'process' ||
  (isNode(node) && node.type === 'MemberExpression' && name(node['object']) === 'globalThis' && name(node['property']) === 'process');

/** @param {unknown} node */
const isImportMeta = (node) => isNode(node) && node.type === 'MetaProperty' && name(node['meta']) === 'import';

/** @param {string} source @returns {(offset: number) => number} */
function lineCounter(source) {
  const starts = [0];
  for (let at = source.indexOf('\n'); at !== -1; at = source.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (/** @type {number} */ (starts[middle]) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
