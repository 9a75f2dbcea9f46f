// `cotg serve`: runs the server until it is told to stop.
import { url as inspectorUrl } from 'node:inspector';
import { startServer } from '../compose.ts';
import type { RunningServer } from '../compose.ts';
import { loadConfig } from '../config.ts';
import type { Flags } from '../config.ts';
import { EXIT, StartError } from '../errors.ts';
import { isOnPath } from '../find-on-path.ts';
import { LogFile } from '../log-file.ts';
import { makeLogger } from '../log.ts';
import type { Logger } from '../log.ts';
import { oomScore, SERVER_POINTS, setOomScore } from '../oom-score.ts';
import { isLoopback } from '../settings.ts';
import { VERSION } from '../version.ts';
import type { CliIo } from './io.ts';
import { qrLines } from './qr.ts';

/** After this a stop no longer waits for sockets and files. */
const STOP_TIMEOUT_MS = 5000;
const OWNER_AT_THE_COMPUTER = { kind: 'owner', address: 'console' } as const;

export async function serve(flags: Flags, io: CliIo): Promise<number> {
  const config = loadConfig({ flags, isTerminal: io.isTerminal, findOnPath: isOnPath });
  const logFile = new LogFile();
  const log = makeLogger({ level: config.logLevel, format: config.logFormat, name: 'server', file: logFile });
  checkInspector(log);
  const hostOomScore = oomScore();
  if (hostOomScore !== null) setOomScore(hostOomScore + SERVER_POINTS);
  const server = await startServer(config, { log, logFile, hostOomScore });
  await announce(server, io, config.publicUrl !== undefined);

  const stopped = Promise.withResolvers<number>();
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping; sessions run on');
    const deadline = setTimeout(() => stopped.resolve(EXIT.failed), STOP_TIMEOUT_MS);
    server.close().then(
      () => {
        clearTimeout(deadline);
        stopped.resolve(EXIT.done);
      },
      () => stopped.resolve(EXIT.failed),
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(signal));
  // A half-broken server is worse than a restarted one: sessions live in the host and clients come back by themselves.
  process.on('uncaughtException', (error) => {
    log.fatal({ error: error.stack }, 'server failed');
    process.exit(EXIT.failed);
  });
  return stopped.promise;
}

/** Whoever reaches a debugger's port runs code as the owner, past everything that guards ours. */
function checkInspector(log: Logger): void {
  const inspector = inspectorUrl();
  if (inspector === undefined) return;
  if (!isLoopback(new URL(inspector).hostname)) {
    throw new StartError('BAD_SETTING', 'A debugger listens where others can reach it: --inspect is refused beyond loopback.', {
      exitCode: EXIT.usage,
      hint: 'Leave --inspect out of the command line and of NODE_OPTIONS.',
    });
  }
  log.warn('a debugger listens: every program and user on this computer can take over this server; leave --inspect out');
}

async function announce(server: RunningServer, io: CliIo, hasPublicUrl: boolean): Promise<void> {
  const elsewhere = server.publicUrl === server.url ? '' : `, for other devices ${server.publicUrl}`;
  io.out(`claude-on-the-go ${VERSION} serves ${server.url}${elsewhere}`);
  for (const notice of server.notices) io.out(`  Warning: ${notice}.`);
  if (server.warning !== null) io.out(`  Warning: ${server.warning}.`);
  // A log file is no place for a way in.
  if (!io.isTerminal || server.warning !== null) return;
  const { link } = server.pairing.start(OWNER_AT_THE_COMPUTER, { role: 'admin', approve: true });
  io.out('');
  io.out(`  Open this once, within 5 minutes:  ${link}`);
  if (hasPublicUrl) {
    for (const line of await qrLines(link)) io.out(`  ${line}`);
  } else {
    io.out('');
    io.out('  From your phone, put an encrypted way in front and tell the server its name, for example:');
    io.out(`    tailscale serve --bg ${new URL(server.url).port}`);
    io.out('    COTG_PUBLIC_URL=https://<this-computer>.<your-tailnet>.ts.net npm start');
    io.out(
      '  then `./cotg pair` prints a QR code. Other ways (README, “From your phone”): your own network with `./cotg cert`, nginx, Caddy.',
    );
  }
  io.out('');
  io.out('  Ctrl+C stops the server; sessions run on until `./cotg stop --all`.');
  io.out('');
}
