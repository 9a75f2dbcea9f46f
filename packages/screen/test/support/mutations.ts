// Owns breaking a state, one field at a time: every leaf of it, found by walking it, so that a field added to the state is broken too.
import type { ScreenState } from '../../src/state.ts';

/** Tries per field in one state: the first cell or link may be one that makes no difference. */
const MAX_PLACES = 3;

/** Every broken copy of a state: field by field, each in the first places it occurs. */
export function* breakState(state: ScreenState): Generator<{ readonly field: string; readonly broken: ScreenState }> {
  const seen = new Map<string, number>();
  for (const { path, value } of leavesOf(state, [])) {
    const field = path.map((step) => (typeof step === 'number' ? '*' : step)).join('.');
    const count = seen.get(field) ?? 0;
    if (count >= MAX_PLACES) continue;
    seen.set(field, count + 1);
    for (const replacement of replacementsOf(value)) yield { field, broken: replaceAt(state, path, replacement) as ScreenState };
  }
}

/** The fields of a state, by the same names. */
export function fieldsOf(state: ScreenState): ReadonlySet<string> {
  return new Set([...leavesOf(state, [])].map(({ path }) => path.map((step) => (typeof step === 'number' ? '*' : step)).join('.')));
}

type Step = string | number;

/** Lists are leaves too: one is shortened. Bytes and words are leaves as a whole. */
function* leavesOf(value: unknown, path: readonly Step[]): Generator<{ readonly path: readonly Step[]; readonly value: unknown }> {
  if (Array.isArray(value)) {
    yield { path, value };
    for (const [index, item] of sample(value)) yield* leavesOf(item, [...path, index]);
  } else if (ArrayBuffer.isView(value)) yield { path, value };
  else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) yield* leavesOf(item, [...path, name]);
  } else yield { path, value };
}

/** Of a long list its ends: what is above the screen, and what is on it. */
function sample(list: readonly unknown[]): readonly (readonly [number, unknown])[] {
  const all = list.map((item, index) => [index, item] as const);
  return all.length <= 80 ? all : [...all.slice(0, 10), ...all.slice(-70)];
}

function replacementsOf(value: unknown): readonly unknown[] {
  if (typeof value === 'boolean') return [!value];
  if (typeof value === 'number') return value === 0 ? [1] : [0, value - 1];
  if (typeof value === 'string') return REPLACED_NAMES[value] ?? [value === '' ? 'x' : ''];
  if (value === null) return ['x', true, 'bar'];
  if (Array.isArray(value)) return value.length > 0 ? [value.slice(0, -1)] : [];
  if (value instanceof Uint32Array)
    return value.length === 0 ? [] : [changeWord(value, 0), changeWord(value, 1), changeWord(value, 2), value.slice(0, -3)];
  if (value instanceof Uint8Array) return value.length === 0 ? [] : [value.slice(0, -1)];
  return [];
}

/** Where a word is one of a few, another one of them. */
const REPLACED_NAMES: Readonly<Record<string, readonly string[]>> = {
  normal: ['alternate', 'gone'],
  alternate: ['normal', 'gone'],
  gone: ['normal'],
  B: ['0'],
  '0': ['B'],
  A: ['B'],
  NONE: ['VT200'],
  DEFAULT: ['SGR'],
  SGR: ['DEFAULT'],
  block: ['bar'],
  bar: ['block'],
  underline: ['block'],
};

function changeWord(words: Uint32Array, offset: number): Uint32Array {
  const changed = words.slice();
  changed[offset] = (changed[offset] ?? 0) ^ 1;
  return changed;
}

function replaceAt(value: unknown, path: readonly Step[], replacement: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return replacement;
  if (Array.isArray(value)) return value.map((item: unknown, index) => (index === step ? replaceAt(item, rest, replacement) : item));
  const record = value as Readonly<Record<string, unknown>>;
  return { ...record, [step]: replaceAt(record[step], rest, replacement) };
}
