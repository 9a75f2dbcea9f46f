// Owns the static shell: the web app's build, read into memory once. A request names a key of a map, never a path of the
// file system, so no request can leave the folder.
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import { extname, join, posix, relative, sep } from 'node:path';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createHash } from 'node:crypto';
import { constants, brotliCompressSync, gzipSync } from 'node:zlib';
import { StartError } from '../errors.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};
const COMPRESSIBLE: ReadonlySet<string> = new Set(['.css', '.html', '.js', '.json', '.svg', '.webmanifest']);
/** Level 6 of 11: within 3 % of the best at a twentieth of its time, since it runs at every start. */
const BROTLI_QUALITY = 6;
/** Files under /assets/ carry their hash in their name. */
const IMMUTABLE = 'public, max-age=31536000, immutable';
const REVALIDATE = 'no-cache';

/** What a path of the app looks like (its own router knows which there are). Whole, so that no `..`, `%2e`, `\\` or `//` is one. */
const APP_PATH = /^(?:\/[A-Za-z0-9_-]+)*\/?$/;

interface Asset {
  readonly type: string;
  readonly cacheControl: string;
  readonly etag: string;
  readonly body: Buffer;
  readonly gzip?: Buffer;
  readonly brotli?: Buffer;
}

export interface StaticShell {
  /** Answers GET and HEAD; paths that the app could have get it. False: not ours. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): boolean;
}

function readAsset(root: string, file: string): [string, Asset] {
  const body = readFileSync(file);
  const ending = extname(file);
  const path = posix.join('/', relative(root, file).split(sep).join('/'));
  const compress = COMPRESSIBLE.has(ending);
  return [
    path,
    {
      type: TYPES[ending] ?? 'application/octet-stream',
      cacheControl: path.startsWith('/assets/') ? IMMUTABLE : REVALIDATE,
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      body,
      ...(compress
        ? { gzip: gzipSync(body), brotli: brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }) }
        : {}),
    },
  ];
}

export function loadStaticShell(root: string): StaticShell {
  let files: string[];
  try {
    files = readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && extname(entry.name) !== '.map')
      .map((entry) => join(entry.parentPath, entry.name))
      // The listing goes through links to folders: what lies behind one is not part of the build.
      .filter((file) => realpathSync(file) === join(realpathSync(root), relative(root, file)));
  } catch (error) {
    throw new StartError('NOT_BUILT', `The web app is not built: ${root} is missing.`, { hint: 'npm start builds it.', cause: error });
  }
  const assets = new Map(files.map((file) => readAsset(root, file)));
  const app = assets.get('/index.html');
  if (!app) throw new StartError('NOT_BUILT', `The web app is not built: ${root} has no index.html.`, { hint: 'npm start builds it.' });

  return {
    serve(request, response, path) {
      const asset = assets.get(path) ?? (APP_PATH.test(path) ? app : undefined);
      if (!asset) return false;
      const accepted = request.headers['accept-encoding'] ?? '';
      const encoding = asset.brotli && /\bbr\b/.test(accepted) ? 'br' : asset.gzip && /\bgzip\b/.test(accepted) ? 'gzip' : undefined;
      const body = (encoding === 'br' ? asset.brotli : encoding === 'gzip' ? asset.gzip : asset.body) ?? asset.body;
      response.setHeader('content-type', asset.type);
      response.setHeader('cache-control', asset.cacheControl);
      response.setHeader('etag', asset.etag);
      response.setHeader('vary', 'accept-encoding');
      if (request.headers['if-none-match'] === asset.etag) {
        response.writeHead(304).end();
        return true;
      }
      if (encoding !== undefined) response.setHeader('content-encoding', encoding);
      response.setHeader('content-length', body.length);
      response.writeHead(200).end(request.method === 'HEAD' ? undefined : body);
      return true;
    },
  };
}
