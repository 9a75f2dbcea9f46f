import { expect, test } from 'vitest';
import { FakeClock } from '../testing/fake-clock.ts';
import { FlowControl } from './flow-control.ts';

function start() {
  const clock = new FakeClock();
  const terminal = { pending: 0, paused: false, pauses: 0, resumes: 0 };
  const flow = new FlowControl({
    pendingBytes: () => terminal.pending,
    pause: () => {
      terminal.paused = true;
      terminal.pauses += 1;
    },
    resume: () => {
      terminal.paused = false;
      terminal.resumes += 1;
    },
    bounds: () => ({ highBytes: 100, lowBytes: 20 }),
    clock,
  });
  return { clock, terminal, flow };
}

test('a terminal is paused at the high mark and goes on at the low one, not between', () => {
  const { terminal, flow } = start();
  terminal.pending = 99;
  flow.appended();
  expect(terminal.paused).toBe(false);
  terminal.pending = 100;
  flow.appended();
  flow.appended();
  expect(terminal).toMatchObject({ paused: true, pauses: 1 });
  terminal.pending = 21;
  flow.committed();
  expect(terminal.paused).toBe(true);
  terminal.pending = 20;
  flow.committed();
  flow.committed();
  expect(terminal).toMatchObject({ paused: false, resumes: 1 });
});

test('a terminal goes on by itself when storing caught up and nobody said so', () => {
  const { clock, terminal, flow } = start();
  terminal.pending = 100;
  flow.appended();
  clock.advance(1000);
  expect(terminal.paused).toBe(true);
  terminal.pending = 0;
  clock.advance(250);
  expect(terminal.paused).toBe(false);
  expect(clock.waiting).toBe(0);
});

test('closing leaves no timer behind', () => {
  const { clock, terminal, flow } = start();
  terminal.pending = 100;
  flow.appended();
  flow.close();
  expect(clock.waiting).toBe(0);
});
