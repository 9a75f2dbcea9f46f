// Owns an nginx in front of a server, with the configuration that the README shows: what is tested is what people copy.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually } from './start-server.ts';

const README = fileURLToPath(new URL('../README.md', import.meta.url));
/** Undefined when it is not installed. */
export const NGINX = ['/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx'].find((path) => existsSync(path));

export interface NginxOptions {
  readonly name: string;
  readonly port: number;
  /** Of the server behind it, on loopback. */
  readonly serverPort: number;
  readonly certFile: string;
  readonly keyFile: string;
}

/** The README's block with the names, ports and files of the test. Throws when one of them does not stand in it. */
export function nginxBlock(options: NginxOptions): string {
  let block = /```nginx\n([\s\S]*?)```/.exec(readFileSync(README, 'utf8'))?.[1];
  if (block === undefined) throw new Error('the README shows no nginx block');
  for (const [theirs, ours] of [
    ['listen 443 ssl', `listen 127.0.0.1:${options.port} ssl`],
    ['server_name box.example.org', `server_name ${options.name}`],
    ['/etc/ssl/box.crt', options.certFile],
    ['/etc/ssl/box.key', options.keyFile],
    ['http://127.0.0.1:7433', `http://127.0.0.1:${options.serverPort}`],
  ] as const) {
    if (!block.includes(theirs)) throw new Error(`the README's nginx block lacks ${theirs}`);
    block = block.replaceAll(theirs, ours);
  }
  return block;
}

/** As this user, in a folder of its own that goes with it. Resolves when it takes connections. */
export async function startNginx(options: NginxOptions): Promise<AsyncDisposable> {
  if (NGINX === undefined) throw new Error('nginx is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'cotg-nginx-'));
  const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => {
    mkdirSync(join(folder, kind));
    return `  ${kind}_temp_path ${join(folder, kind)};`;
  });
  writeFileSync(
    join(folder, 'nginx.conf'),
    // One process, ours to end; everything that it writes lies in its folder.
    `daemon off;\nmaster_process off;\npid ${folder}/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n${places.join('\n')}\n${nginxBlock(options)}\n}\n`,
  );
  const child = spawn(NGINX, ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  await eventually(
    async () =>
      child.exitCode === null ? takesConnections(options.port) : Promise.reject(new Error(`nginx ended with ${child.exitCode}: ${said}`)),
    (isTaken) => isTaken,
    { what: 'nginx takes connections' },
  );
  return {
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
