// Owns the procedures' builder: rights, and what an error looks like on the wire. Must not know what procedures do.
import { initTRPC, TRPCError } from '@trpc/server';
import { may } from './caller.ts';
import type { ApiContext } from './context.ts';
import { ApiError, isRetryable, statusOf, trpcCodeOf } from './errors.ts';
import type { ApiErrorCode } from './errors.ts';
import type { DeviceRole } from './schema/device.ts';
import { wireTransformer } from './wire.ts';

/** Every procedure declares the right it needs; a test enumerates them. */
export interface ProcedureMeta {
  readonly right: DeviceRole;
}

/** Our code for failures that the library itself raises. */
function codeOf(error: TRPCError): ApiErrorCode {
  if (error.cause instanceof ApiError) return error.cause.code;
  switch (error.code) {
    case 'BAD_REQUEST':
    case 'PARSE_ERROR':
      return 'BAD_INPUT';
    case 'UNAUTHORIZED':
      return 'UNAUTHORIZED';
    case 'FORBIDDEN':
      return 'FORBIDDEN';
    case 'NOT_FOUND':
      return 'NOT_FOUND';
    case 'METHOD_NOT_SUPPORTED':
      return 'METHOD_NOT_ALLOWED';
    case 'PAYLOAD_TOO_LARGE':
      return 'TOO_LARGE';
    case 'TOO_MANY_REQUESTS':
      return 'TOO_MANY_REQUESTS';
    default:
      return 'INTERNAL';
  }
}

const t = initTRPC
  .context<ApiContext>()
  .meta<ProcedureMeta>()
  .create({
    isDev: false,
    transformer: wireTransformer,
    errorFormatter({ shape, error }) {
      const code = codeOf(error);
      const own = error.cause instanceof ApiError ? error.cause : undefined;
      return {
        ...shape,
        // What is not one of ours may quote paths or queries: it is logged, not sent.
        message: own?.message ?? (code === 'INTERNAL' ? 'Something went wrong on the server; its log says what.' : shape.message),
        data: {
          ...shape.data,
          // What a subscription throws while it runs arrives here as the library's internal error.
          ...(own ? { code: trpcCodeOf(own.code), httpStatus: statusOf(own.code) } : {}),
          appCode: code,
          hint: own?.hint ?? null,
          retryable: isRetryable(code),
        },
      };
    },
  });

/** Turns our errors into tRPC's, once, for every procedure. */
const mapErrors = t.middleware(async ({ next }) => {
  const result = await next();
  if (!result.ok && result.error.cause instanceof ApiError) {
    throw new TRPCError({ code: trpcCodeOf(result.error.cause.code), message: result.error.cause.message, cause: result.error.cause });
  }
  return result;
});

const checkRight = t.middleware(({ ctx, meta, next, path }) => {
  // A procedure that forgot its right is a mistake of ours: refuse it for everybody.
  if (!meta) throw new ApiError('INTERNAL', `Procedure ${path} declares no right.`);
  if (!may(ctx.caller, meta.right)) throw new ApiError('FORBIDDEN', `This device may not do that: it has no “${meta.right}” right.`);
  return next();
});

const countCall = t.middleware(({ ctx, next }) => {
  ctx.limits.call();
  return next();
});

const procedure = t.procedure.use(mapErrors).use(countCall).use(checkRight);

export const router = t.router;
/** Looking: lists, streams, acknowledgements. */
export const watchProcedure = procedure.meta({ right: 'watch' });
/** Typing and sizes. */
export const typeProcedure = procedure.meta({ right: 'type' });
/** What changes who may come in or how the server behaves. */
export const adminProcedure = procedure.meta({ right: 'admin' });
