// Owns the text format of metrics (Prometheus exposition format 0.0.4). Pure. A library would count for us; here most figures come ready
// counted from the host, histogram included, and only need writing down.

export interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export function metricsText(metrics: readonly Metric[]): string {
  return metrics.map(metricText).join('');
}

function metricText({ name, type, help, samples }: Metric): string {
  const lines = samples.map(({ suffix = '', labels = {}, value }) => {
    const pairs = Object.entries(labels).map(
      ([label, text]) => `${label}="${text.replaceAll(/["\\\n]/g, (found) => ESCAPES[found] ?? '')}"`,
    );
    return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${Object.is(value, Infinity) ? '+Inf' : value}\n`;
  });
  return `# HELP ${name} ${help.replaceAll('\n', ' ')}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n' };

export const counter = (name: string, help: string, value: number): Metric => ({ name, type: 'counter', help, samples: [{ value }] });
export const gauge = (name: string, help: string, value: number): Metric => ({ name, type: 'gauge', help, samples: [{ value }] });

/** Upper ends in milliseconds, counts of each bucket (not summed up, one more than ends): seconds, as the format's habit is. */
export function histogram(
  name: string,
  help: string,
  { bucketsMs, counts, sumMs }: { readonly bucketsMs: readonly number[]; readonly counts: readonly number[]; readonly sumMs: number },
): Metric {
  let sum = 0;
  const samples = counts.map((count, at): Sample => {
    sum += count;
    const end = bucketsMs[at];
    return { suffix: '_bucket', labels: { le: end === undefined ? '+Inf' : String(end / 1000) }, value: sum };
  });
  return {
    name,
    type: 'histogram',
    help,
    samples: [...samples, { suffix: '_sum', value: sumMs / 1000 }, { suffix: '_count', value: sum }],
  };
}
