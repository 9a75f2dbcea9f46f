import { expect, test } from 'vitest';
import { appRouter } from './root.ts';
import type { Caller } from './caller.ts';
import type { ApiContext } from './context.ts';
import { ApiError } from './errors.ts';

/** Every port throws: a refused caller must not reach one. */
const unreachable = new Proxy(
  {},
  {
    get: () => () => {
      throw new Error('a port was reached');
    },
  },
);

function contextFor(caller: Caller): ApiContext {
  return {
    caller,
    sessions: unreachable,
    output: unreachable,
    scripting: unreachable,
    system: unreachable,
    pairing: unreachable,
    devices: unreachable,
    backlog: { bufferedBytes: () => 0, isOpen: () => true },
    limits: { call: () => undefined, openStream: () => ({ [Symbol.dispose]: () => undefined }) },
  } as unknown as ApiContext;
}

const watcher = contextFor({ kind: 'device', deviceId: 'd', role: 'watch', address: '::1' });

// The wire's contract: a procedure that appears or changes its right must be decided here too.
const RIGHTS: Readonly<Record<string, string>> = {
  'session.list': 'watch',
  'session.get': 'watch',
  'session.create': 'type',
  'session.update': 'type',
  'session.kill': 'type',
  'session.restart': 'type',
  'session.remove': 'type',
  'session.watch': 'watch',
  'session.attach': 'watch',
  'session.input': 'type',
  'session.ack': 'watch',
  'session.resize': 'type',
  'session.takeControl': 'type',
  'session.screen': 'watch',
  'session.detachOthers': 'type',
  'session.waitFor': 'watch',
  'session.history': 'watch',
  'profile.list': 'watch',
  'system.backup': 'admin',
  'system.importLegacy': 'admin',
  'system.verify': 'admin',
  'system.status': 'watch',
  'system.audit': 'admin',
  'pairing.start': 'admin',
  'pairing.status': 'admin',
  'pairing.approve': 'admin',
  'device.me': 'watch',
  'device.list': 'admin',
  // Itself; another one needs `admin`.
  'device.rename': 'watch',
  'device.revoke': 'watch',
  'device.setRole': 'admin',
  'device.revokeAll': 'admin',
};

test('every procedure declares the right that the contract names', () => {
  const declared = Object.fromEntries(
    Object.entries(appRouter._def.procedures).map(([path, procedure]) => [
      path,
      (procedure as unknown as { _def: { meta?: { right: string } } })._def.meta?.right,
    ]),
  );
  expect(declared).toEqual(RIGHTS);
});

test('a device that may only watch can neither start, type, size nor let others in', async () => {
  const api = appRouter.createCaller(watcher);
  const sessionId = '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001';
  const viewerId = 'viewer-0001';
  for (const call of [
    () => api.session.create({}),
    () => api.session.update({ sessionId, change: {} }),
    () => api.session.kill({ sessionId }),
    () => api.session.restart({ sessionId }),
    () => api.system.backup(),
    () => api.system.verify(),
    () => api.system.importLegacy({ path: '/x' }),
    () => api.session.remove({ sessionId }),
    () => api.session.input({ sessionId, viewerId, n: 1, data: 'x' }),
    () => api.session.resize({ sessionId, viewerId, cols: 80, rows: 24 }),
    () => api.session.takeControl({ sessionId, viewerId, cols: 80, rows: 24 }),
    () => api.session.detachOthers({ sessionId, viewerId }),
    () => api.pairing.start(),
    () => api.pairing.status({ id: sessionId }),
    () => api.pairing.approve({ id: sessionId, match: '1234', isApproved: true }),
    () => api.device.list(),
    () => api.device.setRole({ deviceId: sessionId, role: 'admin' }),
    () => api.device.revokeAll(),
    () => api.system.audit(),
  ]) {
    const error: unknown = await call().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'FORBIDDEN', cause: { code: 'FORBIDDEN' } });
    expect((error as { cause: unknown }).cause).toBeInstanceOf(ApiError);
  }
});

test.each([
  [{ sessionId: '../etc/passwd', viewerId: 'viewer-0001', n: 1, data: 'x' }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'x', n: 1, data: 'x' }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'viewer-0001', n: 0, data: 'x' }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'viewer-0001', n: 1.5, data: 'x' }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'viewer-0001', n: 1 }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'viewer-0001', n: 1, data: 'x', base64: 'eA==' }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'viewer-0001', n: 1, base64: '***' }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'viewer-0001', n: 1, data: 'x'.repeat(65_537) }],
  [{ sessionId: '0b1ad3a8-3f5f-4a40-9a9e-1f8a54b6a001', viewerId: 'viewer-0001', n: 1, data: 'x', extra: true }],
])('malformed input %# is refused before any port', async (input) => {
  const api = appRouter.createCaller(contextFor({ kind: 'owner', address: '::1' }));
  await expect(api.session.input(input as never)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
});
