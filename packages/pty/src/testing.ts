// What tests of other packages may use of this one. Never shipped.
export { FakeClock } from './testing/fake-clock.ts';
export { FakePtyProcess, makeFakePtys } from './testing/fake-pty-process.ts';
export { MemoryJournal } from './host/memory-journal.ts';
export { createFields, createSession, startTestHost } from './testing/start-test-host.ts';
export type { TestHost, TestHostOptions } from './testing/start-test-host.ts';
export { makeRandom } from './testing/random.ts';
export type { Random } from './testing/random.ts';
