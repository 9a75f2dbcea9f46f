// Owns the question whether a program is on a PATH.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export function isOnPath(name: string, path: string): boolean {
  return path.split(delimiter).some((folder) => {
    if (folder === '') return false;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false; // Not there, or not for us: the next folder.
    }
  });
}
