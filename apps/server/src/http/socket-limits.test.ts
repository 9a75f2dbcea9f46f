import { expect, test } from 'vitest';
import { ApiError } from '@cotg/api';
import type { Caller } from '@cotg/api';
import { DEVICE_ALLOWANCE, makeSocketLimits } from './socket-limits.ts';
import type { Allowance, SocketAccount } from './socket-limits.ts';

const OWNER: Caller = { kind: 'owner', address: '::1' };
const device = (deviceId: string): Caller => ({ kind: 'device', deviceId, role: 'admin', address: '::1' });
const SMALL: Allowance = { sockets: 2, streamsPerSocket: 2, streams: 3, messagesPerS: 10, callsPerS: 5, bytesPerS: 10_000_000, burstS: 2 };

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

/** Whether a frame of so many bytes is looked at. */
const takes = (socket: SocketAccount, bytes: number): boolean => socket.message(bytes).kind === 'taken';

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
  for (let n = 0; n < 10; n += 1) expect([takes(one, 1), takes(two, 1)]).toEqual([true, true]);
  expect(takes(two, 1)).toBe(false);
  expect(refused).toEqual(['two: too much at once']);
  expect(takes(other, 1)).toBe(true);
  pass(2000);
  expect(takes(one, 1)).toBe(true);
});

test('S60: bytes are bounded, too: who has sent more than it may is held back until that has grown back, over all its sockets', () => {
  const { open, refused, pass } = setUp();
  const [one, two] = [open(device('a'), 'one'), open(device('a'), 'two')];
  expect(one.message(20_000_000)).toEqual({ kind: 'taken', holdMs: 0 });
  expect(one.message(10_000)).toEqual({ kind: 'taken', holdMs: 1 });
  expect(two.message(9_990_000)).toEqual({ kind: 'taken', holdMs: 1000 });
  expect(open(device('b'), 'other').message(20_000_000)).toEqual({ kind: 'taken', holdMs: 0 });
  pass(1000);
  expect(one.message(10_000)).toEqual({ kind: 'taken', holdMs: 1 });
  expect(refused).toEqual([]);
});

test('S60: small frames are counted and never held: what one tab owes delays nobody who types in another', () => {
  const { open } = setUp();
  const [paste, keys] = [open(device('a'), 'paste'), open(device('a'), 'keys')];
  expect(paste.message(25_000_000)).toEqual({ kind: 'taken', holdMs: 500 });
  for (let n = 0; n < 9; n += 1) expect(keys.message(1024)).toEqual({ kind: 'taken', holdMs: 0 });
  expect(keys.message(784)).toEqual({ kind: 'taken', holdMs: 0 });
  expect(paste.message(10_000)).toEqual({ kind: 'taken', holdMs: 502 });
});

test('S60: as much again beyond what a device may send at once is refused: whoever is held back does not come there', () => {
  const { open, refused } = setUp();
  const [one, two] = [open(device('a'), 'one'), open(device('a'), 'two')];
  expect(one.message(39_990_000)).toEqual({ kind: 'taken', holdMs: 1999 });
  expect(two.message(10_000)).toEqual({ kind: 'refused' });
  expect(open(device('b'), 'big').message(40_000_000)).toEqual({ kind: 'refused' });
  expect(refused).toEqual(['two: too much at once', 'big: too much at once']);
});

test('S60: going on after a refusal does not pay: what is over is counted', () => {
  const { open, pass } = setUp();
  const socket = open(device('a'), 'it');
  for (let n = 0; n < 40; n += 1) takes(socket, 1);
  pass(1000);
  expect(takes(socket, 1)).toBe(false);
  pass(3000);
  expect(takes(socket, 1)).toBe(true);
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
  for (let n = 0; n < 20; n += 1) expect(takes(one, 1)).toBe(true);
  expect(takes(one, 1)).toBe(false);
  expect(takes(two, 1)).toBe(true);
});

test('a device that leaves and comes back has not been forgotten', () => {
  const { open, pass } = setUp();
  const socket = open(device('a'), 'it');
  for (let n = 0; n < 25; n += 1) takes(socket, 1);
  socket.closed();
  expect(takes(open(device('a'), 'again'), 1)).toBe(false);
  pass(120_000);
  expect(takes(open(device('c'), 'somebody'), 1)).toBe(true);
  expect(takes(open(device('a'), 'later'), 1)).toBe(true);
});

test('S60: a page that comes back with ten sessions and types is far below every bound', () => {
  const limits = makeSocketLimits({ now: () => 0 });
  const page = limits.open(device('a'), (reason) => {
    throw new Error(reason);
  });
  const streams = Array.from({ length: 11 }, () => page.openStream());
  for (let n = 0; n < 1500; n += 1) {
    expect(page.message(300)).toEqual({ kind: 'taken', holdMs: 0 });
    page.call();
  }
  expect(streams).toHaveLength(11);
  expect(DEVICE_ALLOWANCE.streamsPerSocket).toBeGreaterThanOrEqual(44);
});
