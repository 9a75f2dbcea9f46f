// Owns profiles: programs with their arguments, folder, environment and limits under a name, from `profiles` in config.json, and the two that are
// there without it. One schema. Pure: who may start which is the session service's; reading the file is config.ts's.
import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { MIB, parseDuration } from './settings.ts';

/** A list on a phone. */
const MAX_PROFILES = 100;
/** As of the API and the host. */
const MAX_ARGUMENTS = 256;
const MAX_ARGUMENT_CHARS = 64 * 1024;
const MAX_ENV_ENTRIES = 256;
const MAX_PATH_CHARS = 4096;
const MAX_DESCRIPTION_CHARS = 200;
const MAX_HISTORY_MB = 1_048_576;

/** Names of the two that are there without a file. */
export const CLAUDE = 'claude';
export const SHELL = 'shell';

/** What the claude kind says itself: the conversation belongs to the session. */
const OWN_OPTIONS = /^(--session-id|--resume|-r|--continue|-c)(=|$)/;
const SESSION_ID = '--session-id';
const RESUME = '--resume';
/** Claude draws on the usual screen, so that what scrolls off is history that a phone can scroll; without it the history stays inside the program. */
const PHONE_HISTORY_ENV = 'CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN';

const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !value.includes('\0'), 'must not contain NUL');

const profileFields = z
  .strictObject({
    kind: z.enum(['program', 'claude']),
    description: text(MAX_DESCRIPTION_CHARS),
    command: z
      .array(text(MAX_ARGUMENT_CHARS))
      .min(1)
      .max(MAX_ARGUMENTS)
      .refine(([program = '']) => program !== '' && program[0] !== '-', 'must begin with a program'),
    cwd: text(MAX_PATH_CHARS).refine(isAbsolute, 'must be an absolute folder'),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), text(MAX_ARGUMENT_CHARS))
      .refine((env) => Object.keys(env).length <= MAX_ENV_ENTRIES, `takes at most ${MAX_ENV_ENTRIES} entries`),
    maxHistoryMb: z.number().int().min(1).max(MAX_HISTORY_MB),
    idleTimeout: z
      .string()
      .refine((value) => parseDuration(value) !== undefined, 'takes a duration of at least 1s such as 5m or 24h, or 0 for never'),
    phoneHistory: z.boolean(),
  })
  .partial();

const profileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'is no name: letters, digits, - and _, at most 64');
const profilesFile = z
  .record(profileName, profileFields)
  .refine((profiles) => Object.keys(profiles).length <= MAX_PROFILES, `takes at most ${MAX_PROFILES} profiles`);

export interface Profile {
  readonly name: string;
  /** `claude`: a conversation that goes on after a restart. */
  readonly kind: 'program' | 'claude';
  readonly description: string | null;
  readonly command: readonly string[];
  readonly cwd: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly maxHistoryBytes: number | null;
  /** 0: never. */
  readonly idleTimeoutMs: number | null;
  /** Of the claude kind. */
  readonly phoneHistory: boolean;
}

/** By name: the owner's in the order of the file, behind `claude` and `shell`, which the file may change. Throws ProfilesError. */
export function parseProfiles(file: unknown, shell: string): ReadonlyMap<string, Profile> {
  const builtIn: z.infer<typeof profilesFile> = {
    [CLAUDE]: { kind: 'claude', description: 'Claude Code; its conversation goes on after a restart', command: ['claude'] },
    [SHELL]: { kind: 'program', description: 'your shell', command: [shell] },
  };
  // The schema passes over this name; what says nothing must not be accepted.
  if (typeof file === 'object' && file !== null && Object.hasOwn(file, '__proto__'))
    throw new ProfilesError('profiles.__proto__', 'is no name');
  const parsed = profilesFile.safeParse(file ?? {});
  if (!parsed.success) throw new ProfilesError(pathOf(parsed.error), parsed.error.issues[0]?.message ?? 'is not valid');
  const profiles = new Map<string, Profile>();
  for (const name of new Set([...Object.keys(builtIn), ...Object.keys(parsed.data)]))
    profiles.set(name, profileOf(name, { ...(Object.hasOwn(builtIn, name) ? builtIn[name] : {}), ...parsed.data[name] }));
  return profiles;
}

export class ProfilesError extends Error {
  override readonly name = 'ProfilesError';
  /** Where it is, such as `profiles.build.cwd`. */
  readonly path: string;
  constructor(path: string, problem: string) {
    super(problem);
    this.path = path;
  }
}

function profileOf(name: string, fields: z.infer<typeof profileFields>): Profile {
  const { command, kind = 'program' } = fields;
  if (!command) throw new ProfilesError(`profiles.${name}.command`, 'is missing');
  const own = kind === 'claude' ? command.find((word) => OWN_OPTIONS.test(word)) : undefined;
  if (own !== undefined) throw new ProfilesError(`profiles.${name}.command`, `must not say ${own}: the session does`);
  if (kind === 'program' && fields.phoneHistory !== undefined)
    throw new ProfilesError(`profiles.${name}.phoneHistory`, 'goes with kind claude');
  return {
    name,
    kind,
    description: fields.description ?? null,
    command,
    cwd: fields.cwd ?? null,
    env: fields.env ?? {},
    maxHistoryBytes: fields.maxHistoryMb === undefined ? null : fields.maxHistoryMb * MIB,
    idleTimeoutMs: fields.idleTimeout === undefined ? null : (parseDuration(fields.idleTimeout) ?? null),
    phoneHistory: fields.phoneHistory ?? true,
  };
}

function pathOf(error: z.ZodError): string {
  return ['profiles', ...(error.issues[0]?.path ?? []).map(String)].join('.');
}

/** What a new session runs: a conversation has the session's own id, so that nothing else need be remembered. */
export function commandOf({ kind, command }: Profile, sessionId: string): readonly string[] {
  return kind === 'claude' ? [...command, SESSION_ID, sessionId] : command;
}

/** What the next run of a session runs that ran `command` first; null when that is the same. */
export function resumedCommand(command: readonly string[], sessionId: string): readonly string[] | null {
  const at = command.findIndex((word, index) => word === SESSION_ID && command[index + 1] === sessionId);
  return at === -1 ? null : command.with(at, RESUME);
}

/** What it adds to the environment of its children. */
export function environmentOf({ kind, env, phoneHistory }: Profile): Readonly<Record<string, string>> {
  return kind === 'claude' && phoneHistory ? { [PHONE_HISTORY_ENV]: '1', ...env } : env;
}
