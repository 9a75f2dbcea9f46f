// Owns the host's Unix socket: binds it for its user alone and accepts a bounded number of connections. Must not know what they say.
// Expects the caller to hold the data directory's lease; all the same a socket that somebody answers on is never taken away.
import { chmodSync, closeSync, constants, openSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { HostStartError, errnoOf, messageOf } from '../errors.ts';
import { SOCKET_PATH_HINT, socketAddress } from '../socket-path.ts';
import type { HostLog } from './log.ts';

const OWNER_ONLY = 0o600;

export interface Listener {
  /** Stops accepting and removes the socket's file. Open connections are their owners' to end. */
  close(): Promise<void>;
}

/** Throws SOCKET_PATH_TOO_LONG, HOST_ALREADY_RUNNING, LISTEN_FAILED. */
export async function listen(options: {
  readonly socketPath: string;
  readonly accept: (socket: Socket) => void;
  readonly log: HostLog;
}): Promise<Listener> {
  const { socketPath, accept, log } = options;
  const address = socketAddress(socketPath, process.platform);
  if (address.kind === 'too-long') {
    throw new HostStartError('SOCKET_PATH_TOO_LONG', `the socket's path has ${address.bytes} bytes, too many here`, {
      hint: SOCKET_PATH_HINT,
    });
  }
  // Kept open as long as the socket: closing the server removes the file through it.
  const directory = address.kind === 'in-directory' ? openSync(address.directory, constants.O_RDONLY | constants.O_DIRECTORY) : undefined;
  const closeDirectory = (): void => {
    if (directory !== undefined) closeSync(directory);
  };
  const path = address.kind === 'in-directory' ? `/proc/self/fd/${directory}/${address.name}` : address.path;
  const server = createServer(accept);
  try {
    if (await somebodyAnswers(path)) {
      throw new HostStartError('HOST_ALREADY_RUNNING', `a host answers on ${socketPath}`, {
        hint: 'Stop it first, or use another data directory.',
      });
    }
    // Left by a host that was killed.
    rmSync(path, { force: true });
    await bind(server, path);
    // The directory is its user's alone already (0700); between bind and here that is what keeps others out.
    chmodSync(path, OWNER_ONLY);
  } catch (error) {
    server.close();
    closeDirectory();
    if (error instanceof HostStartError) throw error;
    throw new HostStartError('LISTEN_FAILED', `cannot listen on ${socketPath}: ${messageOf(error)}`, { cause: error });
  }
  // Out of descriptors, for example: this connection is lost, the next one may work.
  server.on('error', (error) => log.error({ error: messageOf(error) }, 'a connection could not be accepted'));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          closeDirectory();
          resolve();
        });
      }),
  };
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A connect to a Unix socket is answered by the kernel at once, whether or not the listener is busy, so nothing here can wait. */
function somebodyAnswers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => {
      const code = errnoOf(error);
      if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') resolve(false);
      // Its queue is full: somebody listens, only too busy to take us.
      else if (code === 'EAGAIN') resolve(true);
      else reject(error);
    });
  });
}
