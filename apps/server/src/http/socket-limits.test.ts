import { expect, test } from 'vitest';
import { ApiError } from '@cotg/api';
import type { Caller } from '@cotg/api';
import { DEVICE_ALLOWANCE, makeSocketLimits } from './socket-limits.ts';
import type { Allowance } from './socket-limits.ts';

const OWNER: Caller = { kind: 'owner', address: '::1' };
const device = (deviceId: string): Caller => ({ kind: 'device', deviceId, role: 'admin', address: '::1' });
const SMALL: Allowance = { sockets: 2, streamsPerSocket: 2, streams: 3, messagesPerS: 10, callsPerS: 5, bytesPerS: 1000, burstS: 2 };

function setUp() {
  let nowMs = 0;
  const refused: string[] = [];
  const limits = makeSocketLimits({ device: SMALL, owner: SMALL, now: () => nowMs });
  return {
    limits,
    refused,
    open: (caller: Caller, name: string) => limits.open(caller, (reason) => refused.push(`${name}: ${reason}`)),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

const fails = (act: () => unknown): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as ApiError).code;
  }
};

test('S60: frames of a device are counted over all its sockets, and grow back with time; another device is not touched', () => {
  const { open, refused, pass } = setUp();
  const [one, two, other] = [open(device('a'), 'one'), open(device('a'), 'two'), open(device('b'), 'other')];
  for (let n = 0; n < 10; n += 1) expect([one.message(1), two.message(1)]).toEqual([true, true]);
  expect(two.message(1)).toBe(false);
  expect(refused).toEqual(['two: too much at once']);
  expect(other.message(1)).toBe(true);
  pass(2000);
  expect(one.message(1)).toBe(true);
});

test('S60: bytes are bounded, too, and one message larger than all of it is refused', () => {
  const { open, refused } = setUp();
  const socket = open(device('a'), 'it');
  expect(socket.message(2000)).toBe(true);
  expect(socket.message(1)).toBe(false);
  expect(open(device('b'), 'big').message(2001)).toBe(false);
  expect(refused).toEqual(['it: too much at once', 'big: too much at once']);
});

test('S60: going on after a refusal does not pay: what is over is counted', () => {
  const { open, pass } = setUp();
  const socket = open(device('a'), 'it');
  for (let n = 0; n < 40; n += 1) socket.message(1);
  pass(1000);
  expect(socket.message(1)).toBe(false);
  pass(3000);
  expect(socket.message(1)).toBe(true);
});

test('S60: calls and streams beyond the bound get a code, and a closed stream makes room', () => {
  const { open, pass } = setUp();
  const [one, two] = [open(device('a'), 'one'), open(device('a'), 'two')];
  for (let n = 0; n < 10; n += 1) expect(fails(() => one.call())).toBeUndefined();
  expect(fails(() => two.call())).toBe('TOO_MANY_REQUESTS');
  pass(1000);
  expect(fails(() => two.call())).toBeUndefined();

  const first = one.openStream();
  one.openStream();
  expect(fails(() => one.openStream())).toBe('TOO_MANY_REQUESTS');
  two.openStream();
  expect(fails(() => two.openStream())).toBe('TOO_MANY_REQUESTS');
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(fails(() => two.openStream())).toBeUndefined();
  expect(fails(() => one.openStream())).toBe('TOO_MANY_REQUESTS');
});

test('S60: of too many sockets the one that has been silent for longest gives way, so that a phone that comes back gets in', () => {
  const { open, refused, pass } = setUp();
  const dead = open(device('a'), 'dead');
  pass(1000);
  open(device('a'), 'living').message(1);
  open(device('b'), 'other');
  pass(1000);
  open(device('a'), 'new');
  expect(refused).toEqual(['dead: too many connections']);
  dead.closed();
  open(device('a'), 'newer');
  expect(refused).toEqual(['dead: too many connections', 'living: too many connections']);
});

test('S60: a script with the owner token is counted for itself, not together with the others', () => {
  const { open } = setUp();
  const [one, two] = [open(OWNER, 'one'), open(OWNER, 'two')];
  for (let n = 0; n < 20; n += 1) expect(one.message(1)).toBe(true);
  expect(one.message(1)).toBe(false);
  expect(two.message(1)).toBe(true);
});

test('a device that leaves and comes back has not been forgotten', () => {
  const { open, pass } = setUp();
  const socket = open(device('a'), 'it');
  for (let n = 0; n < 25; n += 1) socket.message(1);
  socket.closed();
  expect(open(device('a'), 'again').message(1)).toBe(false);
  pass(120_000);
  expect(open(device('c'), 'somebody').message(1)).toBe(true);
  expect(open(device('a'), 'later').message(1)).toBe(true);
});

test('S60: a page that comes back with ten sessions and types is far below every bound', () => {
  const limits = makeSocketLimits({ now: () => 0 });
  const page = limits.open(device('a'), (reason) => {
    throw new Error(reason);
  });
  const streams = Array.from({ length: 11 }, () => page.openStream());
  for (let n = 0; n < 1500; n += 1) {
    expect(page.message(300)).toBe(true);
    page.call();
  }
  expect(streams).toHaveLength(11);
  expect(DEVICE_ALLOWANCE.streamsPerSocket).toBeGreaterThanOrEqual(44);
});
