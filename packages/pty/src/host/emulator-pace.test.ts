import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { EmulatorPace } from './emulator-pace.ts';
import { FlowControl } from './flow-control.ts';

function makePace(): { clock: FakeClock; pace: EmulatorPace; paused: () => boolean; print: (bytes: number) => void } {
  let appended = 0;
  let paused = false;
  const clock = new FakeClock();
  const pace: EmulatorPace = new EmulatorPace({
    from: 0,
    appended: () => appended,
    now: () => clock.monotonic(),
    flow: (pendingBytes) =>
      new FlowControl({
        pendingBytes,
        pause: () => {
          paused = true;
        },
        resume: () => {
          paused = false;
        },
        bounds: () => (pace.isAwaited ? { highBytes: 20, lowBytes: 10 } : { highBytes: 100, lowBytes: 50 }),
        clock,
      }),
  });
  return {
    clock,
    pace,
    paused: () => paused,
    print: (bytes) => {
      appended += bytes;
      pace.appended();
    },
  };
}

test('what was answered once is no news again, whoever parses it anew', () => {
  const { pace, print } = makePace();
  print(30);
  expect(pace.reached(10)).toBe(true);
  expect(pace.reached(10)).toBe(false);
  expect(pace.reached(4)).toBe(false);
  expect(pace.reached(20)).toBe(true);
  expect(pace.answered).toBe(20);
});

test('an emulator that claims to be ahead of the output does not silence what comes later', () => {
  const { pace, print } = makePace();
  print(5);
  expect(pace.reached(1000)).toBe(true);
  expect(pace.answered).toBe(5);
});

test('a terminal waits for an emulator that is too far behind, and for nobody when there is none', () => {
  const { pace, paused, print } = makePace();
  print(500);
  expect(paused()).toBe(false);
  pace.reached(450);
  print(60);
  expect(paused()).toBe(true);
  pace.reached(520);
  expect(paused()).toBe(false);
  print(100);
  expect(paused()).toBe(true);
  pace.gone();
  expect(paused()).toBe(false);
});

test('an emulator that hangs holds nobody back for long', () => {
  const { pace, paused, print, clock } = makePace();
  pace.reached(0);
  print(200);
  expect(paused()).toBe(true);
  clock.advance(6000);
  expect(paused()).toBe(false);
});

test('a terminal stays close to an emulator whose screens are awaited, and may run ahead again when nobody waits', () => {
  const { pace, paused, print } = makePace();
  print(60);
  pace.reached(0, true);
  expect(paused()).toBe(false);
  print(1);
  expect(paused()).toBe(true);
  pace.reached(49, true);
  expect(paused()).toBe(true);
  pace.reached(51, true);
  expect(paused()).toBe(false);
  pace.reached(52, false);
  print(80);
  expect(paused()).toBe(false);
  print(20);
  expect(paused()).toBe(true);
});
