import { expect, test } from 'vitest';
import { RefusedRequests, nameIn } from './refused-requests.ts';
import type { Who } from './refused-requests.ts';

const nobody = (address: string): Who => ({ kind: 'nobody', address });

function setUp() {
  const lines: string[] = [];
  let nowMs = 0;
  const refused = new RefusedRequests({
    audit: {
      record(who, action, detail) {
        lines.push(`${who.kind} ${who.address} ${action} ${JSON.stringify(detail)}`);
        return Promise.resolve();
      },
    },
    keyOf: (address) => address,
    now: () => nowMs,
  });
  return {
    lines,
    refused,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test('S67: who is refused, where and why is one line an hour, and the next one says how many were left out', () => {
  const { lines, refused, pass } = setUp();
  for (let n = 0; n < 5; n += 1) refused.note(nobody('10.0.0.1'), 'host', 'evil.example');
  refused.note(nobody('10.0.0.1'), 'host', 'evil.test');
  refused.note({ kind: 'device', deviceId: 'd', role: 'watch', address: '10.0.0.1' }, 'right', 'session.create');
  pass(3_600_000);
  refused.note(nobody('10.0.0.1'), 'host', 'evil.example');
  expect(lines).toEqual([
    'nobody 10.0.0.1 request.refused {"what":"host","asked":"evil.example"}',
    'nobody 10.0.0.1 request.refused {"what":"host","asked":"evil.test","unwritten":4}',
    'device 10.0.0.1 request.refused {"what":"right","asked":"session.create"}',
    'nobody 10.0.0.1 request.refused {"what":"host","asked":"evil.example"}',
  ]);
});

test('S67: a flood of one kind writes 30 lines an hour and hides no other kind', () => {
  const { lines, refused, pass } = setUp();
  for (let n = 0; n < 100_000; n += 1) refused.note(nobody(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`), 'host', `x${n}.example`);
  expect(lines).toHaveLength(30);
  refused.note(nobody('10.0.0.1'), 'origin', 'evil.example');
  expect(lines).toHaveLength(31);
  pass(3_600_000);
  refused.note(nobody('10.0.0.1'), 'host', undefined);
  expect(lines.at(-1)).toBe('nobody 10.0.0.1 request.refused {"what":"host","unwritten":99970}');
});

test.each([
  ['evil.example', 'evil.example'],
  ['https://evil.example:8443', 'evil.example:8443'],
  ['[::1]:80', '[::1]:80'],
  ['https://user:secret@evil.example', undefined],
  ['[secret]', undefined],
  ['[::1::2]', undefined],
  ['evil.example/secret', undefined],
  ['null\u001b[2J', undefined],
  ['a'.repeat(300), undefined],
  [undefined, undefined],
  ['', undefined],
])('S66: of a Host or an Origin only a name stands in the audit: %s', (value, name) => {
  expect(nameIn(value)).toBe(name);
});
