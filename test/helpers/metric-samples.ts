/** The samples of one scrape. */
export interface MetricSamples {
  /** The sum of all samples of a metric that carry at least these labels; 0 when there are none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
  /** True when at least one sample of the metric carries these labels. */
  has(name: string, labels?: Readonly<Record<string, string>>): boolean;
  readonly text: string;
}

const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? ([^ ]+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

/** Reads Prometheus text, as much of it as tests need. */
export function parseMetrics(text: string): MetricSamples {
  const samples: { name: string; labels: Record<string, string>; value: number }[] = [];
  for (const line of text.split('\n')) {
    const [, name, labelText = '', value] = SAMPLE.exec(line) ?? [];
    if (name === undefined) continue;
    const labels = Object.fromEntries(
      [...labelText.matchAll(LABEL)].map(([, key = '', label = '']) => [key, label]),
    );
    samples.push({ name, labels, value: Number(value) });
  }
  const matching = (name: string, labels: Readonly<Record<string, string>>) =>
    samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
  return {
    text,
    sum: (name, labels = {}) =>
      matching(name, labels).reduce((total, { value }) => total + value, 0),
    has: (name, labels = {}) => matching(name, labels).length > 0,
  };
}

/** Asks a sidecar or a control plane on this machine for its metrics. */
export async function scrape(port: number): Promise<MetricSamples> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  return parseMetrics(await response.text());
}
