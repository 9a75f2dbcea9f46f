// Owns the REST interface: routes, their documents, what they answer. Thin: parse, call a service. Who may come in is
// decided by the gate before anything here runs; the right of a route is declared beside it and checked here.
import { OpenAPIHono, createRoute, z } from '@hono/zod-openapi';
import { stringifySetCookie } from 'cookie';
import {
  ApiError,
  createSession,
  may,
  pairRequest,
  paired,
  pairWaiting,
  restInput,
  restResize,
  screen,
  session,
  sessionId,
  status,
  updateSession,
} from '@cotg/api';
import type { Caller, DeviceRole, OutputPort, SessionsPort, SystemPort } from '@cotg/api';
import { HISTORY_FORMATS } from '../services/history-service.ts';
import type { HistoryService } from '../services/history-service.ts';
import type { MetricsService } from '../services/metrics-service.ts';
import type { OutputService } from '../services/output-service.ts';
import type { PairingService } from '../services/pairing-service.ts';
import type { Logger } from '../log.ts';
import { messageOf } from '../errors.ts';
import type { Passed } from './gate.ts';
import type { RefusedRequests } from './refused-requests.ts';
import { streamOf } from './stream-of.ts';
import { PROBLEM_TYPE, badInput, problemHeaders, toProblem } from './problem.ts';

export interface RestServices {
  readonly sessions: SessionsPort;
  readonly output: OutputPort & Pick<OutputService, 'inputFromScript' | 'resizeFromScript'>;
  readonly system: SystemPort;
  readonly history: HistoryService;
  readonly metrics: MetricsService;
  readonly pairing: PairingService;
  readonly refused: Pick<RefusedRequests, 'note'>;
  /** How long a device is let in at most; 0: until it is revoked. */
  readonly cookieMaxAgeMs: number;
  readonly version: string;
  readonly log: Logger;
}

/** Handed in by the transport for every request. */
export interface RestBindings {
  readonly passed: Passed;
  readonly address: string;
  /** What a device that comes this way gets. */
  readonly cookie: { readonly name: string; readonly isSecure: boolean };
  /** Ends the connection under an answer that has begun. */
  readonly cut: () => void;
}

type Env = { Bindings: RestBindings };
export type RestApp = OpenAPIHono<Env>;

/** Browsers cap cookies at 400 days. */
const COOKIE_MAX_AGE_S = 400 * 24 * 60 * 60;

const json = <T extends z.ZodType>(schema: T, description: string) => ({ description, content: { 'application/json': { schema } } });
const problemSchema = z
  .object({
    title: z.string(),
    status: z.number(),
    code: z.string(),
    detail: z.string(),
    hint: z.string().optional(),
    retryable: z.boolean(),
    retryAfter: z.number().optional(),
  })
  .meta({ id: 'Problem' });
const problems = { default: { description: 'A problem (RFC 9457).', content: { [PROBLEM_TYPE]: { schema: problemSchema } } } };
const body = <T extends z.ZodType>(schema: T) => ({ required: true, content: { 'application/json': { schema } } });
const idParam = z.object({ id: sessionId });
const offsetQuery = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional();
const historyQuery = z.object({ format: z.enum(HISTORY_FORMATS).default('raw'), from: offsetQuery, to: offsetQuery });
const screenQuery = z.object({ format: z.enum(['text', 'ansi', 'json']).default('text'), minOffset: offsetQuery });
const sessionList = z.array(session);

/** The right that each route needs; a test compares this with the routes that exist. `public`: the gate lets anybody in. */
export const REST_RIGHTS: Readonly<Record<string, DeviceRole | 'public'>> = {
  'GET /healthz': 'public',
  'POST /api/pair': 'public',
  'GET /api/sessions': 'watch',
  'POST /api/sessions': 'type',
  'GET /api/sessions/{id}': 'watch',
  'PATCH /api/sessions/{id}': 'type',
  'DELETE /api/sessions/{id}': 'type',
  'POST /api/sessions/{id}/restart': 'type',
  'GET /api/sessions/{id}/history': 'watch',
  'GET /api/sessions/{id}/screen': 'watch',
  'POST /api/sessions/{id}/input': 'type',
  'POST /api/sessions/{id}/resize': 'type',
  'GET /api/status': 'watch',
  'GET /metrics': 'watch',
  'GET /api/openapi.json': 'watch',
};

export function makeRest(services: RestServices): RestApp {
  const { sessions, output, system, history, pairing, log } = services;
  const app: RestApp = new OpenAPIHono<Env>({
    defaultHook: (result) => {
      // An id that cannot be one is answered as one that nobody has: who guesses learns nothing.
      if (!result.success && result.target === 'param') throw new ApiError('UNKNOWN_SESSION', 'There is no such session.');
      if (!result.success) throw badInput(result.error);
    },
  });

  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'The owner token (`owner.token` in the data directory). A browser has a cookie instead.',
  });

  const problemResponse = (error: unknown): Response => {
    const problem = toProblem(error, log);
    return Response.json(problem, { status: problem.status, headers: problemHeaders(problem) });
  };
  app.onError((error, c) => {
    const { passed } = c.env;
    if (passed.kind === 'known' && error instanceof ApiError && error.code === 'FORBIDDEN')
      services.refused.note(passed.caller, 'right', `${c.req.method} ${c.req.routePath}`);
    return problemResponse(unwrap(error));
  });
  app.notFound(() => problemResponse(new ApiError('NOT_FOUND', 'There is nothing here.')));

  /** The caller, if it has the right of this route. A route without a declared right is refused for everybody. */
  const callerOf = (passed: Passed, route: string): Caller => {
    const right = REST_RIGHTS[route];
    if (right === undefined || right === 'public' || passed.kind !== 'known') throw new ApiError('UNAUTHORIZED', 'Not signed in.');
    if (!may(passed.caller, right)) throw new ApiError('FORBIDDEN', `This device may not do that: it has no “${right}” right.`);
    return passed.caller;
  };

  app.openapi(
    createRoute({
      method: 'get',
      path: '/healthz',
      operationId: 'getHealth',
      security: [],
      summary: 'Whether a server answers; says nothing else',
      responses: { 200: { description: 'The server answers.', content: { 'text/plain': { schema: z.string() } } } },
    }),
    (c) => c.text('ok\n', 200),
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/sessions',
      operationId: 'listSessions',
      summary: 'All sessions',
      responses: { 200: json(sessionList, 'Newest activity first.'), ...problems },
    }),
    async (c) => {
      callerOf(c.env.passed, 'GET /api/sessions');
      return c.json([...(await sessions.list())], 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/sessions',
      operationId: 'createSession',
      summary: 'Starts a program in a new session',
      request: { body: body(createSession) },
      responses: { 201: json(session, 'The new session, running.'), ...problems },
    }),
    async (c) => {
      const caller = callerOf(c.env.passed, 'POST /api/sessions');
      return c.json(await sessions.create(c.req.valid('json'), caller), 201);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/sessions/{id}',
      operationId: 'getSession',
      summary: 'One session',
      request: { params: idParam },
      responses: { 200: json(session, 'The session.'), ...problems },
    }),
    async (c) => {
      callerOf(c.env.passed, 'GET /api/sessions/{id}');
      return c.json(await sessions.get(c.req.valid('param').id), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'patch',
      path: '/api/sessions/{id}',
      operationId: 'updateSession',
      summary: 'Changes name, limits, pinning',
      request: { params: idParam, body: body(updateSession) },
      responses: { 200: json(session, 'The changed session.'), ...problems },
    }),
    async (c) => {
      const caller = callerOf(c.env.passed, 'PATCH /api/sessions/{id}');
      return c.json(await sessions.update(c.req.valid('param').id, c.req.valid('json'), caller), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/api/sessions/{id}',
      operationId: 'deleteSession',
      summary: 'Ends the program, or forgets an ended session',
      request: { params: idParam, query: z.object({ purge: z.enum(['0', '1']).optional() }) },
      responses: { 200: json(session, 'It has ended; its history stays.'), 204: { description: 'It is forgotten.' }, ...problems },
    }),
    async (c) => {
      const caller = callerOf(c.env.passed, 'DELETE /api/sessions/{id}');
      const { id } = c.req.valid('param');
      const found = await sessions.get(id);
      const ended = found.alive ? await sessions.kill(id, caller) : undefined;
      if (ended && c.req.valid('query').purge !== '1') return c.json(ended, 200);
      await sessions.remove(id, caller);
      return c.body(null, 204);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/sessions/{id}/restart',
      operationId: 'restartSession',
      summary: 'Runs the same program again',
      request: { params: idParam },
      responses: { 200: json(session, 'It runs again: the next run, behind a seam.'), ...problems },
    }),
    async (c) => {
      const caller = callerOf(c.env.passed, 'POST /api/sessions/{id}/restart');
      checkSaysNothing(await c.req.text());
      return c.json(await sessions.restart(c.req.valid('param').id, caller), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/sessions/{id}/history',
      operationId: 'getHistory',
      summary: 'What was printed',
      request: { params: idParam, query: historyQuery },
      responses: {
        200: {
          description: 'Streamed. Below X-First-Offset: from there, with X-Gap-Until.',
          content: {
            'application/octet-stream': { schema: z.string() },
            'text/plain': { schema: z.string() },
            'text/html': { schema: z.string() },
            'application/x-asciicast': { schema: z.string() },
            'application/x-ndjson': { schema: z.string() },
          },
        },
        ...problems,
      },
    }),
    async (c) => {
      callerOf(c.env.passed, 'GET /api/sessions/{id}/history');
      const { format, from, to } = c.req.valid('query');
      const found = await history.open(c.req.valid('param').id, format, { from, to }, c.req.raw.signal);
      // The first piece before the status: until then a session that is gone can still be said to be.
      const body = await streamOf(found.chunks, (error) => {
        log.error({ error: messageOf(error) }, 'history export broke off');
        c.env.cut();
      });
      c.header('content-type', found.contentType);
      c.header('cache-control', 'no-store');
      c.header('x-first-offset', String(found.firstOffset));
      c.header('x-end-offset', String(found.endOffset));
      if (found.gapUntil !== undefined) c.header('x-gap-until', String(found.gapUntil));
      return c.body(body);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/sessions/{id}/screen',
      operationId: 'getScreen',
      summary: 'What the terminal shows',
      request: { params: idParam, query: screenQuery },
      responses: {
        200: {
          description: 'The visible screen; X-Offset says which output it stands for.',
          content: { 'application/json': { schema: screen }, 'text/plain': { schema: z.string() } },
        },
        ...problems,
      },
    }),
    async (c) => {
      callerOf(c.env.passed, 'GET /api/sessions/{id}/screen');
      const { format, minOffset } = c.req.valid('query');
      const request = { sessionId: c.req.valid('param').id, ansi: format === 'ansi', ...(minOffset === undefined ? {} : { minOffset }) };
      const found = await output.screen(request);
      c.header('x-offset', String(found.offset));
      if (format === 'json') return c.json(found, 200);
      return c.text(found.lines.map((line) => `${line}\n`).join(''), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/sessions/{id}/input',
      operationId: 'sendInput',
      summary: 'Types into the session',
      request: { params: idParam, body: body(restInput) },
      responses: { 200: json(z.object({ endOffset: z.number().int() }), 'Typed.'), ...problems },
    }),
    async (c) => {
      callerOf(c.env.passed, 'POST /api/sessions/{id}/input');
      const { endOffset } = await output.inputFromScript(c.req.valid('param').id, c.req.valid('json'));
      return c.json({ endOffset }, 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/sessions/{id}/resize',
      operationId: 'resizeSession',
      summary: 'Sets the size',
      request: { params: idParam, body: body(restResize) },
      responses: { 200: json(session, 'The session with this size; a viewer that controls it may set another one.'), ...problems },
    }),
    async (c) => {
      callerOf(c.env.passed, 'POST /api/sessions/{id}/resize');
      return c.json(await output.resizeFromScript(c.req.valid('param').id, c.req.valid('json')), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/api/status',
      operationId: 'getStatus',
      summary: 'The server, its host and its storage',
      responses: { 200: json(status, 'The server and its host.'), ...problems },
    }),
    async (c) => {
      callerOf(c.env.passed, 'GET /api/status');
      return c.json(await system.status(), 200);
    },
  );

  app.openapi(
    createRoute({
      method: 'get',
      path: '/metrics',
      operationId: 'getMetrics',
      summary: 'Figures for Prometheus',
      responses: { 200: { description: 'Figures for Prometheus.', content: { 'text/plain': { schema: z.string() } } }, ...problems },
    }),
    async (c) => {
      callerOf(c.env.passed, 'GET /metrics');
      return c.text(await services.metrics.text(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    },
  );

  app.openapi(
    createRoute({
      method: 'post',
      path: '/api/pair',
      operationId: 'pairDevice',
      security: [],
      summary: 'Redeems a pairing code, or asks again for a decision',
      request: { body: body(pairRequest) },
      responses: {
        200: json(paired, 'This device is in; the cookie says so.'),
        202: json(pairWaiting, 'Somebody at the computer compares the number; ask again with `request`.'),
        ...problems,
      },
    }),
    async (c) => {
      const asked = c.req.valid('json');
      const { passed, address } = c.env;
      const from = { address, formerDevice: passed.kind === 'public' ? passed.formerDevice : undefined };
      const device = 'code' in asked ? await pairing.redeem(asked.code, asked.name ?? '', from) : await pairing.poll(asked.request, from);
      if (device.kind === 'waiting') {
        const { request, match, expiresAt } = device;
        return c.json({ request, match, expiresAt }, 202);
      }
      c.header(
        'set-cookie',
        stringifySetCookie({
          name: c.env.cookie.name,
          value: device.token,
          httpOnly: true,
          secure: c.env.cookie.isSecure,
          sameSite: 'strict',
          path: '/',
          maxAge: services.cookieMaxAgeMs === 0 ? COOKIE_MAX_AGE_S : Math.min(COOKIE_MAX_AGE_S, Math.ceil(services.cookieMaxAgeMs / 1000)),
        }),
      );
      return c.json({ deviceId: device.id }, 200);
    },
  );

  app.get('/api/openapi.json', (c) => {
    callerOf(c.env.passed, 'GET /api/openapi.json');
    return c.json(documentOf(app, services.version), 200);
  });

  return app;
}

/** docs/openapi.json is this; a test compares them. */
function documentOf(app: RestApp, version: string): ReturnType<RestApp['getOpenAPI31Document']> {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'claude-on-the-go',
      version,
      description:
        'Terminal programs that live on this computer. Offsets and sizes are bytes, times ISO 8601 in UTC; a problem has a `code` of its own.',
      license: { name: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
  });
}

/** Whoever names a command where none is taken must not think that it runs. */
function checkSaysNothing(text: string): void {
  let said: unknown;
  try {
    said = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new ApiError('BAD_INPUT', 'The body is not valid JSON.', { cause: error });
  }
  if (!z.strictObject({}).safeParse(said).success)
    throw new ApiError('BAD_INPUT', 'A restart runs what ran before: nothing can be said about it.');
}

/** Hono wraps what its own parts refuse; a body that is not JSON is the caller's mistake. */
function unwrap(error: Error): unknown {
  if ('status' in error && error.status === 400) return new ApiError('BAD_INPUT', 'The body is not valid JSON.', { cause: error });
  return error;
}

/** For requests that never reach a route. */
export function refusal(error: unknown, log: Logger): { status: number; headers: Record<string, string>; body: string } {
  const problem = toProblem(error, log);
  return { status: problem.status, headers: problemHeaders(problem), body: JSON.stringify(problem) };
}
