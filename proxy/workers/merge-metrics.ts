import { AggregatorRegistry, type Registry } from 'prom-client';
import { GATEWAY_METRICS } from '../gateway/metrics.ts';
import { PROXY_METRICS } from '../metrics/table.ts';

/** A metric with its samples, as prom-client hands it from process to process. */
export type SampleFamily = Awaited<ReturnType<Registry['getMetricsAsJSON']>>[number];

/** What only the primary knows; a worker has nothing to say about it. */
const OF_THE_PRIMARY: ReadonlySet<string> = new Set([
  PROXY_METRICS.certificateRenewals.name,
  PROXY_METRICS.certificateRenewalFailures.name,
  PROXY_METRICS.certificateNotBefore.name,
  PROXY_METRICS.certificateNotAfter.name,
  PROXY_METRICS.trustBundleVersion.name,
  PROXY_METRICS.controlPlaneConnected.name,
  PROXY_METRICS.viewVersion.name,
  PROXY_METRICS.policyVersion.name,
  PROXY_METRICS.endpoints.name,
  'hauberk_build_info',
  'nodejs_version_info',
  'process_start_time_seconds',
]);

/** What a worker tells of its metrics. */
export function ofWorker(families: readonly SampleFamily[]): readonly SampleFamily[] {
  return families.filter(({ name }) => !OF_THE_PRIMARY.has(name));
}

/** What is left of a worker that has ended: what it counted. A sum that fell would look like a restart. */
export function countsOf(families: readonly SampleFamily[]): readonly SampleFamily[] {
  // The names that prom-client writes; its declaration calls it an enum.
  const counted = new Set(['counter', 'histogram']);
  return families.filter(({ type }) => counted.has(String(type)));
}

/**
 * Adds up what several processes have counted and hold. Where prom-client takes the mean (the lag of
 * event loops), the worst one is taken: a worker that stalls must not hide behind the others.
 */
export async function mergeFamilies(
  processes: readonly (readonly SampleFamily[])[],
): Promise<readonly SampleFamily[]> {
  return await aggregated(processes).getMetricsAsJSON();
}

/** The same in the Prometheus text format. */
export async function mergedText(processes: readonly (readonly SampleFamily[])[]): Promise<string> {
  return await aggregated(processes).metrics();
}

function aggregated(processes: readonly (readonly SampleFamily[])[]) {
  const judged = processes.map((families) =>
    families.map((family) => {
      const given = EARLIEST.has(family.name) ? 'min' : String(family.aggregator);
      const aggregator = given === 'average' ? 'max' : given === 'omit' ? 'first' : given;
      return Object.assign({}, family, { aggregator });
    }),
  );
  return AggregatorRegistry.aggregate(judged);
}

/** Sums of these would mean nothing: workers say the same, or are about to. */
const EARLIEST: ReadonlySet<string> = new Set([GATEWAY_METRICS.certificateNotAfter.name]);
