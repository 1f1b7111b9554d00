import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import { withRequestsObserved } from '../http/observe/observed-metrics.ts';
import { withAccessLog } from '../metrics/access-log.ts';
import { createProxyMetrics, type ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { ProxyMetricsOptions } from '../metrics/proxy-metrics.ts';
import type { Tap } from '../traffic/tap.ts';
import { withTap } from '../traffic/tapped-metrics.ts';

/** What the metrics of a process are made from. */
export interface MetricsDependencies extends ProxyMetricsOptions {
  readonly registry: Registry;
  readonly config: Pick<ProxyConfig, 'httpMetrics' | 'opaquePort' | 'accessLog'>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly tap: Tap;
}

/** The metrics of a process, with all that the settings want to be seen of its connections. */
export function createMetrics(dependencies: MetricsDependencies): ProxyMetrics {
  const { registry, config, clock, logger, guard, tap, ...options } = dependencies;
  const { httpMetrics, opaquePort: opaquePorts, accessLog } = config;
  const counted = withTap(createProxyMetrics(registry, options), tap);
  const observed =
    httpMetrics === 'on' ? withRequestsObserved(counted, { clock, guard, opaquePorts }) : counted;
  return accessLog ? withAccessLog(observed, logger) : observed;
}
