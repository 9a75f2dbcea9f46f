// Owns one attach of a new client, timed: from opening the connection to the complete screen in a terminal.
import { inflateRawSync } from 'node:zlib';
import headless from '@xterm/headless';
import unicode11 from '@xterm/addon-unicode11';
import { createClient, ScreenParts } from '@cotg/api/client';
import type { AttachEvent } from '@cotg/api/client';
import { decodeState, makeLiveScreen } from '@cotg/screen';
import type { TestServer } from '../../testing/start-server.ts';

export interface Attach {
  readonly ms: number;
  readonly bytes: number;
}

/** From opening the connection to the screen restored in a terminal. */
export async function attach(server: TestServer, sessionId: string, scrollback: number): Promise<Attach> {
  const terminal = new headless.Terminal({ cols: 80, rows: 24, scrollback: 1000, allowProposedApi: true });
  terminal.loadAddon(new unicode11.Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  const live = makeLiveScreen(terminal);
  const since = performance.now();
  const client = createClient({ url: server.url, token: server.token });
  const parts = new ScreenParts();
  const done = Promise.withResolvers<Attach>();
  const subscription = client.api.session.attach.subscribe(
    { sessionId, viewerId: `bench-${Math.random().toString(36).slice(2, 12)}0000`, scrollback },
    {
      onData: ({ data: placed }: { data: AttachEvent }) => {
        const data = parts.take(placed);
        if (data?.type !== 'snapshot') return;
        live.restore(decodeState(inflateRawSync(data.state)), {
          offset: data.offset,
          done: () => done.resolve({ ms: performance.now() - since, bytes: data.state.length }),
          failed: done.reject,
        });
      },
      onError: done.reject,
    },
  );
  const result = await done.promise;
  subscription.unsubscribe();
  await client.close();
  terminal.dispose();
  return result;
}
