import { expect, test } from 'vitest';
import { ProfilesError, commandOf, environmentOf, parseProfiles, resumedCommand } from './profiles.ts';

const ID = '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001';

test('claude and shell are there without a file, and the file changes them and adds to them', () => {
  expect([...parseProfiles(undefined, '/bin/zsh').values()]).toMatchObject([
    { name: 'claude', kind: 'claude', command: ['claude'], phoneHistory: true },
    { name: 'shell', kind: 'program', command: ['/bin/zsh'], cwd: null, maxHistoryBytes: null, idleTimeoutMs: null },
  ]);
  const profiles = parseProfiles(
    {
      claude: { command: ['claude', '--model', 'opus'], phoneHistory: false },
      build: { command: ['make', '-j4'], cwd: '/src', env: { CC: 'clang' }, maxHistoryMb: 5, idleTimeout: '0' },
    },
    '/bin/sh',
  );
  expect([...profiles.keys()]).toEqual(['claude', 'shell', 'build']);
  expect(profiles.get('claude')).toMatchObject({ kind: 'claude', command: ['claude', '--model', 'opus'], phoneHistory: false });
  expect(profiles.get('build')).toEqual({
    name: 'build',
    kind: 'program',
    description: null,
    command: ['make', '-j4'],
    cwd: '/src',
    env: { CC: 'clang' },
    maxHistoryBytes: 5 * 1024 * 1024,
    idleTimeoutMs: 0,
    phoneHistory: true,
  });
});

test.each([
  [[], 'profiles', 'expected record'],
  [{ build: {} }, 'profiles.build.command', 'is missing'],
  [{ build: { command: [] } }, 'profiles.build.command', 'expected array'],
  [{ build: { command: ['-c'] } }, 'profiles.build.command', 'must begin with a program'],
  [{ build: { command: 'make all' } }, 'profiles.build.command', 'expected array'],
  [{ build: { command: ['a\0b'] } }, 'profiles.build.command.0', 'NUL'],
  [{ build: { command: ['make'], cwd: 'src' } }, 'profiles.build.cwd', 'absolute'],
  [{ build: { command: ['make'], env: { 'A B': 'x' } } }, 'profiles.build.env.A B', ''],
  [{ build: { command: ['make'], idleTimeout: '1ms' } }, 'profiles.build.idleTimeout', 'duration'],
  [{ build: { command: ['make'], maxHistoryMb: 0 } }, 'profiles.build.maxHistoryMb', ''],
  [{ build: { command: ['make'], folder: '/src' } }, 'profiles.build', 'folder'],
  [{ build: { command: ['make'], phoneHistory: true } }, 'profiles.build.phoneHistory', 'kind claude'],
  [{ 'a b': { command: ['make'] } }, 'profiles.a b', ''],
  [JSON.parse('{"__proto__":{"command":["make"]}}'), 'profiles.__proto__', ''],
  [{ claude: { command: ['claude', '--resume', 'x'] } }, 'profiles.claude.command', 'must not say --resume'],
  [{ claude: { command: ['claude', '--session-id=x'] } }, 'profiles.claude.command', 'must not say --session-id'],
])('a bad one is refused with its place: %j', (file, path, words) => {
  let error: unknown;
  try {
    parseProfiles(file, '/bin/sh');
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(ProfilesError);
  expect((error as ProfilesError).path).toBe(path);
  expect((error as ProfilesError).message).toContain(words);
});

test('a conversation is begun and gone on with under the id of its session, and only its own', () => {
  const { claude, shell } = Object.fromEntries(parseProfiles({ claude: { command: ['claude', '--model', 'x'] } }, '/bin/sh'));
  if (!claude || !shell) throw new Error('both are always there');
  const first = commandOf(claude, ID);
  expect(first).toEqual(['claude', '--model', 'x', '--session-id', ID]);
  expect(resumedCommand(first, ID)).toEqual(['claude', '--model', 'x', '--resume', ID]);
  expect(commandOf(shell, ID)).toEqual(['/bin/sh']);
  expect(resumedCommand(['/bin/sh'], ID)).toBeNull();
  expect(resumedCommand(['claude', '--session-id', '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a002'], ID)).toBeNull();
});

test('history for the phone is on unless the profile says otherwise, and its own environment wins', () => {
  const environment = (fields: object): object => {
    const claude = parseProfiles({ claude: fields }, '/bin/sh').get('claude');
    return claude ? environmentOf(claude) : {};
  };
  expect(environment({})).toEqual({ CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: '1' });
  expect(environment({ phoneHistory: false, env: { A: 'b' } })).toEqual({ A: 'b' });
  expect(environment({ env: { CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: '0' } })).toEqual({ CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: '0' });
});
