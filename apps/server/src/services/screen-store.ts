// Owns where stored screens are kept when no output may lie on the disk: in this process, as many as there are sessions (about 10 KB each). The
// same shape as the catalog's; a restart of the server loses them, and they are made again from what the host has.
import type { Checkpoints } from '@cotg/db/catalog';

export type ScreenStore = Pick<Checkpoints, 'put' | 'places' | 'read' | 'remove'>;

export function makeMemoryScreenStore(): ScreenStore {
  const stored = new Map<string, Parameters<ScreenStore['put']>[0]>();
  return {
    put: (checkpoint) => Promise.resolve(void stored.set(checkpoint.sessionId, checkpoint)),
    places: () => Promise.resolve([]),
    read: (sessionId, offset) => {
      const found = stored.get(sessionId);
      return Promise.resolve(found?.offset === offset ? found.state : undefined);
    },
    remove: (sessionId) => Promise.resolve(void stored.delete(sessionId)),
  };
}
