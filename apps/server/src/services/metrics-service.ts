// Owns what `/metrics` says: the host's figures of the journal, and the server's own. Names and meanings are listed in docs/metrics.md, which a
// test compares with what comes out. What is not measured is not there: no figure is made up.
import { statSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HostMetrics, HostSession } from '@cotg/pty/client';
import type { SweepCounts } from '../lifecycle/sweeper.ts';
import type { HostLink } from './host-link.ts';
import { counter, gauge, histogram, metricsText } from './metrics-text.ts';
import type { Metric } from './metrics-text.ts';

/** How fine the event loop's delay is sampled (ms). */
const LOOP_RESOLUTION_MS = 10;

export interface ReconnectCounts {
  /** Attaches by somebody who had been there. */
  readonly tried: number;
  /** Of those: the same session's screen or output was on its way within 10 s. */
  readonly succeeded: number;
}

export interface MetricsOptions {
  readonly host: HostLink;
  readonly catalogPath: string;
  readonly sweeps: () => SweepCounts;
  readonly viewers: () => number;
  readonly reconnects: () => ReconnectCounts;
  readonly mismatches: () => number;
  readonly comparisons: () => number;
}

/** In the order of the journal's own names: what each means, and its unit. */
const JOURNAL_COUNTERS: Readonly<Record<string, readonly [name: string, help: string]>> = {
  commits: ['commits_total', 'Transactions that stored output.'],
  committed_bytes: ['committed_bytes_total', 'Output stored, in bytes as printed.'],
  rolls: ['rolls_total', 'Times the newest output was compressed into pieces.'],
  rolled_bytes: ['rolled_bytes_total', 'Output compressed into pieces, in bytes as printed.'],
  seals: ['seals_total', 'Blocks compressed for good, in quiet moments.'],
  sealed_bytes: ['sealed_bytes_total', 'Output in those blocks, in bytes as printed.'],
  sealed_stored_bytes: ['sealed_stored_bytes_total', 'What those blocks take, in bytes.'],
  trims: ['trims_total', 'Times a history was cut to its limit.'],
  trimmed_bytes: ['trimmed_bytes_total', 'Output that went with that, in bytes as printed.'],
  gap_bytes: ['gap_bytes_total', 'Output that could not be stored, in bytes.'],
  wal_checkpoints: ['wal_checkpoints_total', 'Times the write-ahead log was copied into the file.'],
  syncs: ['syncs_total', 'Times the log was synced to the disk.'],
};

const JOURNAL_GAUGES: Readonly<Record<string, readonly [name: string, help: string]>> = {
  file_bytes: ['file_bytes', 'Size of the journal on disk.'],
  wal_bytes: ['wal_bytes', 'Size of its write-ahead log.'],
  history_bytes: ['history_bytes', 'Output kept of all sessions, in bytes as printed.'],
  stored_bytes: ['stored_bytes', 'What that takes as stored, compressed where it is.'],
  queued_bytes: ['queued_bytes', 'Output that waits to be stored.'],
};

export class MetricsService {
  readonly #options: MetricsOptions;
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  /** At the first look: growth counts from there. */
  #first: { readonly journal: number; readonly catalog: number } | undefined;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#loop.enable();
  }

  async text(): Promise<string> {
    const { host } = this.#options;
    const [{ reply: figures }, { reply: list }, { reply: status }] = await Promise.all([
      host.request('metrics', {}),
      host.request('list', {}),
      host.request('status', {}),
    ]);
    const catalogBytes = sizeOf(this.#options.catalogPath) + sizeOf(`${this.#options.catalogPath}-wal`);
    const journalBytes = status.host.journalBytes;
    this.#first ??= { journal: journalBytes, catalog: catalogBytes };
    return metricsText([
      ...(figures.metrics ? journalMetrics(figures.metrics) : []),
      gauge(
        'cotg_journal_growth_bytes',
        'Growth of the journal and its log since the server has first looked.',
        journalBytes - this.#first.journal,
      ),
      gauge('cotg_catalog_bytes', 'Size of the catalog and its log.', catalogBytes),
      gauge('cotg_catalog_growth_bytes', 'Growth of the catalog since the server has first looked.', catalogBytes - this.#first.catalog),
      gauge('cotg_storage_paused', '1 while output cannot be stored.', status.host.storage === 'paused' ? 1 : 0),
      gauge('cotg_damaged_ranges', 'Ranges of stored output that were found missing or damaged.', status.host.damaged.length),
      ...sessionMetrics(list.sessions),
      ...this.#serverMetrics(),
    ]);
  }

  #serverMetrics(): Metric[] {
    const sweeps = this.#options.sweeps();
    const reconnects = this.#options.reconnects();
    const { rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    return [
      gauge('cotg_viewers', 'Viewers attached now.', this.#options.viewers()),
      counter('cotg_reconnects_tried_total', 'Attaches by a viewer that had been there before.', reconnects.tried),
      counter('cotg_reconnects_succeeded_total', 'Of those: the screen or what was missing was sent within 10 s.', reconnects.succeeded),
      counter(
        'cotg_screen_comparisons_total',
        "Screens of viewers that were compared with the emulator's at a quiet moment.",
        this.#options.comparisons(),
      ),
      counter(
        'cotg_screen_mismatches_total',
        "Viewers whose screen was not the emulator's at a quiet moment; each got the right one.",
        this.#options.mismatches(),
      ),
      counter('cotg_sweeps_total', 'Looks at ended sessions.', sweeps.sweeps),
      counter('cotg_sweeps_failed_total', 'Looks that broke off; nothing is removed then.', sweeps.failed),
      counter('cotg_swept_sessions_total', 'Ended sessions removed because their time was up.', sweeps.removed),
      gauge('cotg_server_resident_bytes', 'Memory of the server process.', rss),
      counter('cotg_server_cpu_seconds_total', 'Processor time of the server process.', (user + system) / 1e6),
      gauge(
        'cotg_server_loop_delay_p99_seconds',
        "99th percentile of the server's event loop delay since its start.",
        this.#loop.percentile(99) / 1e9,
      ),
    ];
  }

  close(): void {
    this.#loop.disable();
  }
}

function journalMetrics({ counters, gauges, commitLatency }: HostMetrics): Metric[] {
  return [
    histogram('cotg_journal_commit_seconds', 'Time of a transaction that stored output.', commitLatency),
    ...Object.entries(JOURNAL_COUNTERS).flatMap(([key, [name, help]]) => {
      const value = counters[key];
      return value === undefined ? [] : [counter(`cotg_journal_${name}`, help, value)];
    }),
    ...Object.entries(JOURNAL_GAUGES).flatMap(([key, [name, help]]) => {
      const value = gauges[key];
      return value === undefined ? [] : [gauge(`cotg_journal_${name}`, help, value)];
    }),
  ];
}

function sessionMetrics(sessions: readonly HostSession[]): Metric[] {
  const states = ['starting', 'running', 'exited', 'killed', 'lost'];
  const ended = sessions.filter(({ reason }) => reason !== null);
  const reasons = [...new Set(ended.map(({ reason }) => String(reason)))].toSorted();
  return [
    {
      name: 'cotg_sessions',
      type: 'gauge',
      help: 'Sessions by the state of their newest run.',
      samples: states.map((state) => ({ labels: { state }, value: sessions.filter((session) => session.state === state).length })),
    },
    {
      name: 'cotg_ended_sessions',
      type: 'gauge',
      help: 'Ended sessions that are still kept, by what ended them; host-lost are the lost runs.',
      samples: reasons.map((reason) => ({ labels: { reason }, value: ended.filter((session) => session.reason === reason).length })),
    },
  ];
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
