// Owns a server that is reached through a proxy, which stands for the network: told of the proxy's port, since the Host header names that.
import { startTestServer } from './start-server.ts';
import type { StartOptions, TestServer } from './start-server.ts';
import { startTcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';

export interface BehindProxy extends AsyncDisposable {
  readonly server: TestServer;
  readonly proxy: TcpProxy;
  /** What clients behind the proxy call the server. */
  readonly url: string;
}

export async function startBehindProxy(options: StartOptions = {}): Promise<BehindProxy> {
  const proxy = await startTcpProxy(0);
  const server = await startTestServer({ ...options, env: { ...options.env, COTG_ALLOWED_HOSTS: `127.0.0.1:${proxy.port}` } });
  proxy.setTarget(server.port);
  return {
    server,
    proxy,
    url: `http://127.0.0.1:${proxy.port}`,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await server.close();
    },
  };
}
