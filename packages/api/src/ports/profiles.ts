// The port to the programs that may be started by name. Implemented by apps/server.
import type { Profile } from '../schema/profile.ts';

export interface ProfilesPort {
  /** `claude` and `shell`, then the owner's in the order of the file. */
  list(): readonly Profile[];
}
