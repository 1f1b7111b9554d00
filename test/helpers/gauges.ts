import { eventually } from './deadline.ts';
import type { Sidecar } from './mesh/mesh.ts';
import type { MetricSamples } from './metric-samples.ts';

/** Resolves when no sidecar carries a connection any more, with the metrics of each. */
export function carryingNothing(sidecars: readonly Sidecar[]): Promise<MetricSamples[]> {
  return eventually('no sidecar has open connections', async () => {
    const samples = await Promise.all(sidecars.map((sidecar) => sidecar.metrics()));
    const open = samples.some((metrics) => metrics.sum('hauberk_connections_open') > 0);
    return open ? undefined : samples;
  });
}
