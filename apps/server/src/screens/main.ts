// Entry of the screens process: emulators of the sessions that have output, a child of the server that ends with it. It reads
// the host's journal over its own connection, so a flood in a terminal never passes through the server's event loop.
import { connectHost } from '@cotg/pty/client';
import { openHostLink } from '../services/host-link.ts';
import type { HostLink } from '../services/host-link.ts';
import { oomScore, SCREENS_POINTS, setOomScore } from '../oom-score.ts';
import { makeLineLog } from '../line-log.ts';
import { errorText } from './error-text.ts';
import type { FromScreens, ToScreens } from './messages.ts';
import { ScreenPool } from './screen-pool.ts';
import { checkEmulator } from './emulator.ts';

/** The host answers in milliseconds; while it is being replaced the server tells us to go on. */
const CONNECT_TIMEOUT_MS = 10_000;

const log = makeLineLog('screens');

function send(message: FromScreens): void {
  // The channel is gone when the server is: then nobody needs the message.
  if (process.connected) process.send?.(message);
}

// Without the server there is nobody to show a screen to.
process.on('disconnect', () => process.exit(0));
// Ctrl+C goes to the whole group of a terminal: the server decides when this process ends.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
process.on('uncaughtException', (error) => {
  log.error({ error: errorText(error) }, 'screens process failed');
  send({ type: 'failed', message: errorText(error) });
  process.exit(1);
});

const inherited = oomScore();
if (inherited !== null) setOomScore(inherited + SCREENS_POINTS);

let pool: ScreenPool | undefined;

async function start(message: Extract<ToScreens, { type: 'start' }>): Promise<void> {
  checkEmulator();
  const host: HostLink = await openHostLink({
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    connect: (signal) =>
      connectHost({
        socketPath: message.socketPath,
        secret: message.secret,
        clientVersion: message.version,
        timeoutMs: CONNECT_TIMEOUT_MS,
        signal,
      }),
  });
  log.info({ version: message.version }, 'screens process serves');
  pool = new ScreenPool({ host, send });
  send({ type: 'ready' });
}

process.on('message', (raw) => {
  const message = raw as ToScreens;
  if (message.type === 'start') {
    start(message).catch((error: unknown) => {
      log.error({ error: errorText(error) }, 'screens process could not start');
      send({ type: 'failed', message: errorText(error) });
      process.exit(1);
    });
    return;
  }
  if (message.type === 'retire') {
    (pool?.retire() ?? Promise.resolve()).then(
      () => process.exit(0),
      () => process.exit(1),
    );
    return;
  }
  pool?.take(message);
});
