import { Counter, Gauge, Histogram } from 'prom-client';
import type { MetricValueWithName, Registry } from 'prom-client';
import { everySeries, type KnownValues } from '../../common/metrics/known-series.ts';
import type { BucketCounts } from './requests/bucket-counts.ts';
import type { MetricRow } from './table.ts';

/** Hands one sample to prom-client. */
export type Sample = (labels: Record<string, string>, value: number) => void;

/**
 * A counter whose samples are made at each scrape, by `collect`; the known ones are there from the
 * start, at 0.
 */
export function counter(
  registry: Registry,
  row: MetricRow,
  collect: (add: Sample) => void,
  known?: KnownValues,
): void {
  const zeros = known === undefined ? [] : everySeries(known);
  const metric: Counter = new Counter({
    name: row.name,
    help: row.help,
    labelNames: row.labels,
    registers: [registry],
    collect() {
      metric.reset();
      for (const labels of zeros) metric.inc(labels, 0);
      collect((labels, value) => metric.inc(labels, value));
    },
  });
}

/** A gauge whose samples are made at each scrape, by `collect`. */
export function gauge(registry: Registry, row: MetricRow, collect: (set: Sample) => void): void {
  const metric: Gauge = new Gauge({
    name: row.name,
    help: row.help,
    labelNames: row.labels,
    registers: [registry],
    collect() {
      metric.reset();
      // A gauge without labels starts at 0, which would be a lie (and an alert) before it is known.
      if (row.labels.length === 0) metric.remove({});
      collect((labels, value) => metric.set(labels, value));
    },
  });
}

/** A gauge with one label, whose samples are made at each scrape out of a table that may be long, and are not kept. */
export function gaugeByLabel(
  registry: Registry,
  row: MetricRow,
  table: () => ReadonlyMap<string, number>,
): void {
  const { name, help, labels } = row;
  const [label = ''] = labels;
  const given = { name, help, labelNames: labels };
  const empty = new Gauge({ ...given, registers: [] });
  const get: Gauge['get'] = async () => ({
    ...(await empty.get()),
    values: Array.from(table(), ([key, value]) => ({ labels: { [label]: key }, value })),
  });
  Object.assign(new Gauge({ ...given, registers: [registry] }), { get });
}

/** A histogram that is observed as it happens: once in the life of a connection, never per byte. */
export function histogram(registry: Registry, row: MetricRow): Histogram {
  return new Histogram({
    name: row.name,
    help: row.help,
    labelNames: row.labels,
    buckets: [...(row.buckets ?? [])],
    registers: [registry],
  });
}

/** A histogram whose samples are made at each scrape, of plain numbers: for what happens with each request. */
export function countedHistogram(
  registry: Registry,
  row: MetricRow,
  series: () => Iterable<readonly [labels: Record<string, string>, counts: BucketCounts]>,
): void {
  const metric = histogram(registry, row);
  // What it tells beside its samples, which it never gets.
  const { name, help } = row;
  const empty = new Histogram({ name, help, labelNames: row.labels, registers: [] });
  const get: typeof metric.get = async () => ({
    ...(await empty.get()),
    values: [...series()].flatMap(([labels, counts]) => samplesOf(row.name, labels, counts)),
  });
  // The text format asks prom-client's other method of the same result, which its declaration leaves out.
  Object.assign(metric, { get, getForPromString: get });
}

function samplesOf(
  name: string,
  labels: Record<string, string>,
  { bounds, counts, sum }: BucketCounts,
): MetricValueWithName<string>[] {
  let count = 0;
  const buckets = counts.map((inBucket, at) => {
    count += inBucket;
    const le = bounds[at] ?? '+Inf';
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
