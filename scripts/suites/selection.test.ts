import { expect, test } from 'vitest';
import { select } from './selection.mjs';

test('no words run everything', () => {
  expect(select([])).toEqual({ suites: ['build', 'check', 'unit', 'e2e'], unitArgs: [], e2eArgs: [], filtered: false });
});

test('named suites run alone; the browser tests bring the build they run', () => {
  expect(select(['unit']).suites).toEqual(['unit']);
  expect(select(['e2e', 'check']).suites).toEqual(['build', 'check', 'e2e']);
});

test('a name goes to both runners, each in its own words', () => {
  const { suites, unitArgs, e2eArgs, filtered } = select(['-t', 'resumes']);
  expect({ suites, unitArgs, e2eArgs, filtered }).toEqual({
    suites: ['build', 'unit', 'e2e'],
    unitArgs: ['-t', 'resumes'],
    e2eArgs: ['-g', 'resumes'],
    filtered: true,
  });
});

test('words after a suite go to its runner', () => {
  expect(select(['unit', '--project', 'db']).unitArgs).toEqual(['--project', 'db']);
  expect(select(['unit', '--project', 'db']).suites).toEqual(['unit']);
});
