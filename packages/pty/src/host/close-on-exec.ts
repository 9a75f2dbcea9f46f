// Owns that a child gets its terminal and no other descriptor of this process. Must not know what the descriptors are.
//
// node-pty 1.2.0-beta.15 opens masters without close-on-exec. Its own mend in the child walks up from descriptor 3 and stops at
// the first closed one above 15, so it fails as soon as any earlier session has ended: a new child then holds other sessions'
// terminals and can type into them (measured: 16 of 20 children; https://github.com/microsoft/node-pty/issues/657).
// May go when node-pty marks its masters, which `close-on-exec.integration.test.ts` would show.
//
// Two ways, both only on the main thread and around a synchronous spawn, so that no other spawn lies between:
//   fcntl       FD_CLOEXEC on everything above 2 before the spawn, and on the new master after it (through koffi)
//   fill-holes  without koffi: open /dev/null (close-on-exec) until no number below the highest is free. The new master is then the
//               highest, and the walk in the child meets no hole. A thread that closes a low descriptor meanwhile could re-open one.
// macOS needs neither: node-pty spawns there with POSIX_SPAWN_CLOEXEC_DEFAULT.
import { closeSync, openSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';

export type CloseOnExecWay = 'fcntl' | 'fill-holes' | 'platform';

export interface CloseOnExec {
  readonly way: CloseOnExecWay;
  /** Runs a synchronous spawn such that the child inherits nothing, and keeps the new master out of later children. */
  guard<T extends { readonly fd: number }>(spawn: () => T): T;
}

type Fcntl = (fd: number, command: number, type: 'int', argument: number) => number;

// fcntl(2); the numbers are the same on Linux for all architectures.
const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;
const LAST_STDIO = 2;
/** node-pty's walk always looks at these, open or not. */
const LAST_WALKED_ANYWAY = 15;

/** `foreignFunctions: false` leaves koffi out, as on a machine where it does not load. */
export function openCloseOnExec(options: { readonly foreignFunctions?: boolean } = {}): CloseOnExec {
  if (process.platform !== 'linux') return { way: 'platform', guard: (spawn) => spawn() };
  const fcntl = options.foreignFunctions === false ? undefined : loadFcntl();
  return fcntl ? markAll(fcntl) : fillHoles();
}

function markAll(fcntl: Fcntl): CloseOnExec {
  const mark = (fd: number): void => {
    // A descriptor of the listing itself is closed by now: EBADF, nothing to mark.
    fcntl(fd, F_SETFD, 'int', FD_CLOEXEC);
  };
  return {
    way: 'fcntl',
    guard(spawn) {
      for (const fd of openDescriptors()) if (fd > LAST_STDIO) mark(fd);
      const spawned = spawn();
      mark(spawned.fd);
      return spawned;
    },
  };
}

function fillHoles(): CloseOnExec {
  return {
    way: 'fill-holes',
    guard(spawn) {
      const highest = Math.max(LAST_WALKED_ANYWAY, ...openDescriptors());
      const fillers: number[] = [];
      try {
        // The kernel always gives the lowest free number, so the first one above the highest says that no hole is left.
        do fillers.push(openSync('/dev/null', 'r'));
        while ((fillers.at(-1) ?? 0) < highest);
        return spawn();
      } finally {
        for (const fd of fillers) closeSync(fd);
      }
    },
  };
}

function openDescriptors(): readonly number[] {
  return readdirSync('/proc/self/fd').map(Number);
}

/** Undefined when koffi is not installed, does not load, or fcntl does not do what it must. */
function loadFcntl(): Fcntl | undefined {
  let probe: number | undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const fcntl = koffi.load(null).func('int fcntl(int fd, int cmd, ...)') as unknown as Fcntl;
    probe = openSync('/dev/null', 'r');
    // A wrong prototype would show here, on a descriptor that nobody needs, and not on a terminal.
    const works =
      fcntl(probe, F_SETFD, 'int', 0) === 0 &&
      fcntl(probe, F_GETFD, 'int', 0) === 0 &&
      fcntl(probe, F_SETFD, 'int', FD_CLOEXEC) === 0 &&
      fcntl(probe, F_GETFD, 'int', 0) === FD_CLOEXEC;
    return works ? fcntl : undefined;
  } catch {
    // koffi is optional: without it the other way is used, and `way` tells the log.
    return undefined;
  } finally {
    if (probe !== undefined) closeSync(probe);
  }
}
