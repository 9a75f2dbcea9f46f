// Owns the server's object graph: builds it from the settings, in order, and takes it apart in reverse. Tests use it too.
import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { fileURLToPath } from 'node:url';
import { openCatalog } from '@cotg/db/catalog';
import { acquireLease } from '@cotg/db/lease';
import { releaseReserveWhenFull } from '@cotg/db/reserve';
import { connectOrLaunchHost } from '@cotg/pty/client';
import type { Config } from './config.ts';
import { openDataDir } from './data-dir.ts';
import type { DataDir } from './data-dir.ts';
import { EXIT, StartError, messageOf } from './errors.ts';
import { copyCatalog } from './catalog-copy.ts';
import { otherGeneration } from './host-generation.ts';
import { hostProgramInPlace, prepareHostProgram } from './host-runtime.ts';
import { acquireSocketLease } from './socket-lease.ts';
import { Sweeper } from './lifecycle/sweeper.ts';
import { accessPolicy, bracketed } from './http/access.ts';
import { makeClientAddresses, rateKeyOf } from './http/client-address.ts';
import { cookieNamesFor } from './http/credentials.ts';
import { makeGate } from './http/gate.ts';
import { RefusedRequests } from './http/refused-requests.ts';
import { makeRest } from './http/rest.ts';
import { listen } from './http/server.ts';
import { loadStaticShell } from './http/static.ts';
import { WrongTokens } from './http/wrong-tokens.ts';
import { certificateWarnings, followCertificate, readCertificate } from './http/tls.ts';
import { makeTrpcSockets } from './http/trpc-ws.ts';
import type { LogFile } from './log-file.ts';
import type { Logger } from './log.ts';
import { isLoopback, isWildcard } from './settings.ts';
import { blankServerInfo, processStartTime, readServerInfo, writeServerInfo } from './server-info.ts';
import { HistoryService } from './services/history-service.ts';
import { openHostLink } from './services/host-link.ts';
import { ImportService } from './services/import-service.ts';
import { MetricsService } from './services/metrics-service.ts';
import { OutputService } from './services/output-service.ts';
import { Audit } from './services/audit.ts';
import { DeviceService } from './services/device-service.ts';
import { LoginLimits } from './services/login-limits.ts';
import { PairingService } from './services/pairing-service.ts';
import { ScreenService } from './services/screen-service.ts';
import { makeMemoryScreenStore } from './services/screen-store.ts';
import { SessionService } from './services/session-service.ts';
import { ScriptingService } from './services/scripting-service.ts';
import { ProfileService } from './services/profile-service.ts';
import { SystemService } from './services/system-service.ts';
import { VERSION } from './version.ts';

/** A host starts in about 0.1 s; a loaded phone-sized board may take many times that. */
const HOST_START_TIMEOUT_MS = 15_000;
const READ_ONLY_TEXT =
  'the data directory cannot be written: what runs goes on and what is kept can be read, but nothing new is stored; start again when it can be written';
const DEFAULT_WEB_ROOT = fileURLToPath(new URL('../../web/dist', import.meta.url));

export interface RunningServer {
  readonly url: string;
  /** Where a phone reaches it; the same as `url` unless COTG_PUBLIC_URL is set. */
  readonly publicUrl: string;
  readonly dataDir: DataDir;
  readonly pairing: PairingService;
  /** What whoever started it should know; null when all is well. */
  readonly warning: string | null;
  /** What is right as the settings say, and still worth a line. */
  readonly notices: readonly string[];
  close(): Promise<void>;
}

/** Things to undo, newest first. */
class Undo {
  readonly #steps: (() => void | Promise<void>)[] = [];
  readonly #log: Logger;
  constructor(log: Logger) {
    this.#log = log;
  }
  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }
  async all(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        this.#log.error({ error: messageOf(error) }, 'could not close everything');
      }
    }
  }
}

/** Throws StartError with one clear line; nothing is left half-made. */
export async function startServer(
  config: Config,
  options: { log: Logger; logFile?: LogFile; webRoot?: string; hostOomScore?: number | null },
): Promise<RunningServer> {
  const { log } = options;
  const undo = new Undo(log);
  try {
    const startedAt = new Date();
    const clients = makeClientAddresses(config.trustedProxies);
    const certificate = config.tls && readCertificate(config.tls);
    const isProxiesOnly = !certificate && !config.isInsecure && !isLoopback(config.host);
    const port = { host: config.host, port: config.port, clients, certificate, isProxiesOnly, log };
    // A busy port leaves nothing behind: not even a folder that was not there before.
    const early = existsSync(config.dataDir) ? undefined : await listen(port);
    if (early) undo.add(() => early.close());
    const dataDir = openDataDir(config.dataDir);
    const { isReadOnly } = dataDir;
    releaseReserveWhenFull(dataDir.path);
    if (isReadOnly) log.error({ dataDir: dataDir.path }, READ_ONLY_TEXT);
    const lease = isReadOnly ? await acquireSocketLease(dataDir.path) : acquireLease(dataDir.serverLock);
    if (!lease) throw alreadyServed(dataDir);
    undo.add(() => lease[Symbol.dispose]());
    // The lease's holder writes it alone.
    if (!isReadOnly) options.logFile?.open(dataDir.serverLog);
    // Whatever an earlier server noted is not true any more.
    if (!isReadOnly) blankServerInfo(dataDir.serverInfo);

    // The port before the host: when it is busy, nothing has been started.
    const http = early ?? (await listen(port));
    if (!early) undo.add(() => http.close());
    const shell = loadStaticShell(options.webRoot ?? DEFAULT_WEB_ROOT);

    const copy = isReadOnly ? copyCatalog(dataDir.catalog) : null;
    if (copy) undo.add(() => copy.remove());
    const catalog = await openCatalog({
      path: copy?.path ?? dataDir.catalog,
      onDamage: (report) => log.error({ report }, 'the catalog was damaged: it is set aside, what was whole goes on'),
    });
    undo.add(() => catalog.close());

    const program = isReadOnly ? hostProgramInPlace() : prepareHostProgram(dataDir.hostRuntimes);
    const host = await openHostLink({
      log,
      connect: async (signal) => {
        const { client, startedPid } = await connectOrLaunchHost({
          dataDir: dataDir.path,
          socketPath: dataDir.hostSocket,
          secret: dataDir.hostSecret,
          clientVersion: VERSION,
          command: {
            execPath: program.execPath,
            args: [...program.args, dataDir.path, config.sync, config.orphans, config.persistence, String(options.hostOomScore ?? '')],
          },
          env: hostEnvironment(config.childEnv),
          logPath: dataDir.hostLog,
          timeoutMs: HOST_START_TIMEOUT_MS,
          signal,
        });
        if (startedPid !== null) program.removeOthers();
        return client;
      },
    });
    undo.add(() => host.close());

    const url = `${certificate ? 'https' : 'http'}://${reachableHost(config.host)}:${http.port}`;
    const publicUrl = config.publicUrl ?? url;
    const audit = new Audit(catalog.audit, log);
    const devices = await DeviceService.open({
      catalog,
      audit,
      idleMs: config.deviceIdleMs,
      lifetimeMs: config.deviceLifetimeMs,
      log,
    });
    undo.add(() => devices.close());
    const limits = await LoginLimits.open({ store: catalog.loginAttempts, keyOf: rateKeyOf, log });
    const wrongTokens = new WrongTokens({
      keyOf: rateKeyOf,
      onFirst: (address) => void audit.record({ kind: 'nobody', address }, 'token.wrong'),
    });
    const refused = new RefusedRequests({ audit, keyOf: rateKeyOf });
    const pairing = new PairingService({
      devices,
      limits,
      audit,
      publicUrl: () => publicUrl,
      codeLifeMs: config.pairingLifeMs,
      isReadOnly,
    });
    let output: OutputService | undefined;
    let sessions: SessionService | undefined;
    const { reply } = await host.request('status', {});
    const screens = await ScreenService.open({
      host,
      // A screen is output too.
      store: reply.host.storage === 'memory' ? makeMemoryScreenStore() : catalog.checkpoints,
      socketPath: dataDir.hostSocket,
      secret: dataDir.hostSecret,
      version: VERSION,
      logPath: isReadOnly ? null : dataDir.screensLog,
      log,
      onFact: (id, fact) => sessions?.fact(id, fact),
      onPreview: (id, lines) => sessions?.preview(id, lines),
    });
    undo.add(() => screens.close());
    const profiles = new ProfileService({
      profiles: config.profiles,
      defaultProfile: config.defaultProfile,
      path: config.childEnv['PATH'] ?? '',
    });
    const list = await SessionService.open({
      host,
      catalog,
      audit,
      defaultCommand: config.command,
      profiles,
      childEnv: config.childEnv,
      maxHistoryBytes: config.maxHistoryBytes,
      idleTimeoutMs: config.idleTimeoutMs,
      deadGraceMs: config.deadGraceMs,
      maxSessions: config.maxSessions,
      viewersOf: (id) => output?.viewersOf(id) ?? 0,
      screens,
      log,
      onFact: (id, fact, title) => output?.fact(id, fact, title),
    });
    sessions = list;
    undo.add(() => list.close());
    output = new OutputService({
      host,
      view: (session) => list.view(session),
      viewersChanged: (id) => list.viewersChanged(id),
      screens,
      log,
    });
    const streams = output;
    undo.add(() => streams.close());

    const history = new HistoryService(host, (session) => list.titleOf(session));
    const scripting = new ScriptingService({ host, screens, output: streams, history });
    undo.add(() => scripting.close());

    const sweeper = new Sweeper({ sessions: list, intervalMs: config.sweepIntervalMs, log });
    undo.add(() => sweeper.close());

    const system = new SystemService({
      host,
      dataDir: dataDir.path,
      catalog,
      audit,
      imports: new ImportService({ host, maxHistoryBytes: config.maxHistoryBytes, keep: (id, name) => list.keep(id, name) }),
      catalogPath: dataDir.catalog,
      version: VERSION,
      startedAt,
      screensPid: () => screens.pid,
      isInsecure: config.isInsecure,
    });
    const metrics = new MetricsService({
      host,
      catalogPath: dataDir.catalog,
      sweeps: () => sweeper.counts,
      viewers: () => streams.viewers,
      reconnects: () => streams.reconnects,
      mismatches: () => streams.mismatches,
      comparisons: () => streams.comparisons,
    });
    undo.add(() => metrics.close());
    const cookies = cookieNamesFor(catalog.instanceId, config.isInsecure);
    const { host: bound, publicUrl: named, allowedHosts } = config;
    const policy = accessPolicy({ host: bound, port: http.port, publicUrl: named, allowedHosts, isTls: certificate !== undefined });
    http.ready({
      gate: makeGate(
        policy,
        {
          ownerToken: dataDir.ownerToken,
          cookies,
          findDevice: (hash) => devices.find(hash),
          wrongToken: (address) => wrongTokens.note(address),
        },
        clients,
      ),
      cookies,
      shell,
      devices,
      refused,
      rest: makeRest({
        sessions: list,
        output,
        system,
        metrics,
        history,
        pairing,
        refused,
        cookieMaxAgeMs: config.deviceLifetimeMs,
        version: VERSION,
        log,
      }),
      sockets: makeTrpcSockets({
        context: { sessions: list, output, scripting, profiles, system, pairing, devices },
        devices,
        refused,
        log,
      }),
    });

    const noteWhere = (leaf: string | null): void => {
      try {
        writeServerInfo(dataDir.serverInfo, {
          pid: process.pid,
          startTime: processStartTime(process.pid),
          url,
          certificate: leaf,
          version: VERSION,
          startedAt: startedAt.toISOString(),
        });
      } catch (error) {
        // Browsers find it all the same; the command will not.
        log.warn({ error: messageOf(error) }, 'commands will not find this server: its address cannot be written down');
      }
    };
    noteWhere(certificate?.leaf ?? null);
    if (!isReadOnly) undo.add(() => blankServerInfo(dataDir.serverInfo));
    if (config.tls && certificate) {
      const following = followCertificate({
        files: config.tls,
        present: certificate,
        onRenewed: (renewed) => {
          // In this order: a command that meets the new one finds it noted.
          if (!isReadOnly) noteWhere(renewed.leaf);
          http.useCertificate(renewed);
        },
        log,
      });
      undo.add(() => following[Symbol.dispose]());
    }
    const notices = [...wayInNotices(config), ...(config.tls && certificate ? certificateWarnings(config.tls, certificate) : [])];
    return { url, publicUrl, dataDir, pairing, warning: isReadOnly ? READ_ONLY_TEXT : null, notices, close: () => undo.all() };
  } catch (error) {
    await undo.all();
    if (error instanceof StartError) throw error;
    const other = otherGeneration(error);
    if (other) throw other;
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {};
    throw new StartError('HOST_UNREACHABLE', messageOf(error), { cause: error, ...hint });
  }
}

/** Where this computer itself reaches a server that is bound so. */
function reachableHost(host: string): string {
  if (!isWildcard(host)) return bracketed(host);
  return isIPv6(host) ? '[::1]' : '127.0.0.1';
}

/** About the way to the phone. */
function wayInNotices(config: Config): string[] {
  const notices: string[] = [];
  if (config.isInsecure) notices.push('not encrypted (COTG_INSECURE): anyone on this network can read and type');
  if (isWildcard(config.host) && config.publicUrl === undefined && config.allowedHosts.length === 0)
    notices.push('other devices are refused until COTG_PUBLIC_URL says which name or address of this computer they use');
  return notices;
}

function alreadyServed(dataDir: DataDir): StartError {
  const info = readServerInfo(dataDir.serverInfo);
  const where = info ? `at ${info.url} (pid ${info.pid})` : '(it is just starting or stopping)';
  return new StartError('ALREADY_SERVED', `Already serving ${where}.`, {
    exitCode: EXIT.alreadyServed,
    hint: '`cotg pair` lets another device in; `cotg stop` stops it.',
  });
}

/** The host itself needs little; what its children get comes with each session. */
/**
 * glibc's allocator: one heap instead of one for each thread, and pieces from 8 KiB on straight from the kernel, so that what a flood took is
 * given back (100 sessions of 1 MB each, host alone: 9 MiB more instead of 67). Other systems ignore these. Children get their own environment.
 */
const HOST_MEMORY = { MALLOC_ARENA_MAX: '1', MALLOC_MMAP_THRESHOLD_: '8192', MALLOC_TOP_PAD_: '0' } as const;

function hostEnvironment(childEnv: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = { ...HOST_MEMORY };
  for (const name of ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR']) {
    const value = childEnv[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
