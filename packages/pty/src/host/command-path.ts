// Owns the look before the leap: whether a command can be started, so that a typing mistake creates nothing.
// Must not start anything. What it finds may have changed by the time of the spawn; then the child's exit tells.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { HostRequestError } from '../errors.ts';

/** What execvp(3) searches when the environment has no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin';

/** Throws CWD_NOT_FOUND or COMMAND_NOT_FOUND. `command` is looked up as the child would: in its own folder and on its own PATH. */
export function assertStartable(options: {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}): void {
  const { command, cwd, env } = options;
  if (!isFolder(cwd)) {
    throw new HostRequestError('CWD_NOT_FOUND', `the folder ${cwd} does not exist or may not be entered`, {
      hint: 'Choose a folder that exists on this computer.',
    });
  }
  const program = command[0] ?? '';
  if (program.includes('/')) {
    if (isProgram(resolve(cwd, program))) return;
  } else if ((env['PATH'] ?? DEFAULT_PATH).split(delimiter).some((folder) => isProgram(resolve(cwd, folder, program)))) return;
  throw new HostRequestError('COMMAND_NOT_FOUND', `the command ${program} was not found or is not executable`, {
    hint: 'Install it, or give its full path.',
  });
}

function isFolder(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    // Whatever the reason (missing, not a folder, no right): the child could not enter it either.
    return false;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Missing or not executable: the search goes on in the next folder, as execvp's does.
    return false;
  }
}
