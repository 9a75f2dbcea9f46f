// Owns how a Unix socket with a long path is reached. Must not open anything: host and client do, each for itself.

/** sun_path has 108 bytes on Linux and 104 on macOS, its closing NUL included (unix(7)); some room is left for either. */
export const MAX_DIRECT_PATH_BYTES = 100;

export type SocketAddress =
  | { readonly kind: 'direct'; readonly path: string }
  /** Open `directory` and use `/proc/self/fd/<descriptor>/<name>` for as long as the descriptor is open. */
  | { readonly kind: 'in-directory'; readonly directory: string; readonly name: string }
  | { readonly kind: 'too-long'; readonly bytes: number };

/** `platform` as in process.platform. Only Linux has a short way to a long path. */
export function socketAddress(path: string, platform: string): SocketAddress {
  const bytes = new TextEncoder().encode(path).length;
  if (bytes <= MAX_DIRECT_PATH_BYTES) return { kind: 'direct', path };
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  const short = `/proc/self/fd/9999/${name}`;
  if (platform !== 'linux' || slash <= 0 || new TextEncoder().encode(short).length > MAX_DIRECT_PATH_BYTES)
    return { kind: 'too-long', bytes };
  return { kind: 'in-directory', directory: path.slice(0, slash), name };
}

export const SOCKET_PATH_HINT = 'Choose a data directory with a shorter path (COTG_DATA_DIR).';
