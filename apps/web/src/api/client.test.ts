import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openClient } from './client.ts';

const opened: string[] = [];

/** Takes the place of the platform's: notes where to, and connects nowhere. */
class NotedWebSocket extends EventTarget {
  binaryType = 'arraybuffer';
  constructor(url: string | URL) {
    super();
    opened.push(String(url));
  }
  send(): void {
    // Never open: nothing is sent.
  }
  close(): void {
    // Never open: nothing is closed.
  }
}

beforeEach(() => {
  opened.length = 0;
  vi.stubGlobal('WebSocket', NotedWebSocket);
});
afterEach(() => {
  vi.unstubAllGlobals();
  history.replaceState(null, '', '/');
});

test.each([
  '/?server=wss://evil.example',
  '/?url=wss://evil.example/trpc&gatewayUrl=wss://evil.example',
  '/#server=wss://evil.example',
  '/pair#wss://evil.example',
  '/s/wss:%2F%2Fevil.example?server=//evil.example',
  '/new?host=evil.example&port=80',
])('S36: a page opened as %s connects to where it came from and nowhere else', async (address) => {
  history.replaceState(null, '', address);
  localStorage.setItem('server', 'wss://evil.example');
  const client = openClient(
    () => undefined,
    () => undefined,
  );
  await vi.waitFor(() => expect(opened.length).toBeGreaterThan(0));
  expect(new Set(opened)).toEqual(new Set([`${location.origin.replace('http', 'ws')}/trpc`]));
  localStorage.removeItem('server');
  // Not awaited: the link waits for a socket that never opens.
  void client.close();
});
