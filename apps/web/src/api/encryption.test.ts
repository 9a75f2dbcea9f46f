import { expect, test } from 'vitest';
import { isOpenToTheNetwork } from './encryption.ts';

test.each([
  ['http://127.0.0.1:7433', false, false],
  ['http://localhost:7433', false, false],
  ['http://[::1]:7433', false, false],
  ['http://127.0.0.1:7433', true, true],
  ['http://box.lan:7433', false, true],
  ['http://192.168.1.2:7433', true, true],
  ['http://localhost.evil.example', false, true],
  ['https://box.lan:7433', false, false],
  ['https://box.lan:7433', true, false],
])('S27: a page at %s of a server whose word is %s: open to the network %s', (address, serverIsInsecure, isOpen) => {
  expect(isOpenToTheNetwork(new URL(address), serverIsInsecure)).toBe(isOpen);
});
