import { expect, test } from 'vitest';
import { MAX_DIRECT_PATH_BYTES, socketAddress } from './socket-path.ts';

const folder = `/home/${'x'.repeat(120)}`;

test('a path that the kernel takes is used as it is', () => {
  const path = `/${'x'.repeat(MAX_DIRECT_PATH_BYTES - 1)}`;
  expect(socketAddress(path, 'linux')).toEqual({ kind: 'direct', path });
  expect(socketAddress(path, 'darwin')).toEqual({ kind: 'direct', path });
});

test('a longer one is reached through its open folder, on Linux', () => {
  expect(socketAddress(`${folder}/host.sock`, 'linux')).toEqual({ kind: 'in-directory', directory: folder, name: 'host.sock' });
  expect(socketAddress(`${folder}/host.sock`, 'darwin')).toEqual({ kind: 'too-long', bytes: folder.length + 10 });
});

test('bytes count, not characters', () => {
  expect(socketAddress(`/${'ü'.repeat(60)}/host.sock`, 'darwin')).toEqual({ kind: 'too-long', bytes: 131 });
});

test('a name that is itself too long has no way around', () => {
  expect(socketAddress(`${folder}/${'n'.repeat(100)}`, 'linux').kind).toBe('too-long');
});
