import { expect, test } from 'vitest';
import type { HostLink } from './host-link.ts';
import { SessionPlaces } from './session-places.ts';

const MOST_LIVING = 3;
/** What the README promises. */
const MOST_ENDED = 2000;

function placesAmong(states: readonly ('running' | 'exited' | 'lost')[]): SessionPlaces {
  const sessions = states.map((state, n) => ({ id: `s${n}`, state }));
  const host = { request: () => Promise.resolve({ reply: { sessions } }) } as unknown as Pick<HostLink, 'request'>;
  return new SessionPlaces(host, MOST_LIVING);
}
const ended = (count: number): ('exited' | 'lost')[] => Array.from({ length: count }, (_, n) => (n % 2 === 0 ? 'exited' : 'lost'));

test('S62: with 2,000 ended sessions kept no other begins, and it is said how to make room; one of them may run again', async () => {
  using _last = await placesAmong(['running', ...ended(MOST_ENDED - 1)]).take('new');
  const full = placesAmong(['running', ...ended(MOST_ENDED)]);
  await expect(full.take('new')).rejects.toMatchObject({
    code: 'TOO_MANY_SESSIONS',
    message: `${MOST_ENDED} ended sessions are still kept.`,
    hint: expect.stringContaining('COTG_DEAD_GRACE') as string,
  });
  using _again = await full.take('s1');
});

test('S62: those that are being started count as living, until they are given back', async () => {
  const places = placesAmong(['running', ...ended(10)]);
  const first = await places.take('a');
  using _second = await places.take('b');
  const refused = { code: 'TOO_MANY_SESSIONS', hint: expect.stringContaining('COTG_MAX_SESSIONS') as string };
  await expect(places.take('c')).rejects.toMatchObject(refused);
  first[Symbol.dispose]();
  using _third = await places.take('c');
});
