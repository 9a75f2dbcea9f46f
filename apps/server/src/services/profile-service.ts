// Owns profiles as sessions and the API see them: which there are, which one a request starts, what a restart runs. Implements ProfilesPort.
import { basename, dirname, isAbsolute } from 'node:path';
import { ApiError, may } from '@cotg/api';
import type { Caller, CreateSession, Profile as ProfileView, ProfilesPort } from '@cotg/api';
import { isOnPath } from '../find-on-path.ts';
import { CLAUDE, environmentOf, resumedCommand } from '../profiles.ts';
import type { Profile } from '../profiles.ts';

export interface ProfileServiceOptions {
  readonly profiles: ReadonlyMap<string, Profile>;
  /** What runs when nobody names anything; null: the command of the setting. */
  readonly defaultProfile: string | null;
  /** PATH of children, unless a profile has its own. */
  readonly path: string;
}

export class ProfileService implements ProfilesPort {
  readonly #options: ProfileServiceOptions;

  constructor(options: ProfileServiceOptions) {
    this.#options = options;
  }

  list(): readonly ProfileView[] {
    const { profiles, defaultProfile, path } = this.#options;
    return [...profiles.values()].map(({ name, kind, description, command, cwd, env, maxHistoryBytes, idleTimeoutMs }) => {
      const [program = ''] = command;
      const isFound = isAbsolute(program) ? isOnPath(basename(program), dirname(program)) : isOnPath(program, env['PATH'] ?? path);
      const isDefault = name === defaultProfile;
      return { name, kind, description, command: [...command], cwd, maxHistoryBytes, idleTimeoutMs, isDefault, isFound };
    });
  }

  /** Undefined: a command is named, in the request or by the setting. BAD_INPUT for an unknown one and for both, FORBIDDEN. */
  chosen(request: CreateSession, caller: Caller): Profile | undefined {
    const name = request.profile ?? (request.command ? null : this.#options.defaultProfile);
    if (name === null) return undefined;
    if (request.command) throw new ApiError('BAD_INPUT', 'A session has a profile or a command, not both.');
    const profile = this.#options.profiles.get(name);
    if (!profile)
      throw new ApiError('BAD_INPUT', `There is no profile named ${name}.`, { hint: '`profile.list` has those that there are.' });
    // In another folder a program can be another one (a build, a script): the owner's own folder is part of the profile.
    if (profile.cwd !== null && request.cwd !== undefined && request.cwd !== profile.cwd && !may(caller, 'admin'))
      throw new ApiError('FORBIDDEN', `This device may start ${profile.name} in its own folder only.`);
    return profile;
  }

  /** What the next run of a session runs when that is not what its first one did, and what its profile adds to the environment. */
  again(
    session: { readonly id: string; readonly command: readonly string[] },
    name: string | undefined,
  ): { readonly command: readonly string[] | null; readonly env: Readonly<Record<string, string>> } {
    const command = resumedCommand(session.command, session.id);
    const { profiles } = this.#options;
    // A conversation whose profile is not there any more goes on as those of the usual one do.
    const profile = profiles.get(name ?? '') ?? (command ? profiles.get(CLAUDE) : undefined);
    return { command, env: profile ? environmentOf(profile) : {} };
  }
}
