import { HTTP_REFUSALS } from '../../../common/metrics/http-refusals.ts';
import { everySeries } from '../../../common/metrics/known-series.ts';
import { REFUSALS } from '../../../common/rpc/rpc-error.ts';
import { HANDSHAKE_FAILURES } from '../../api/handshake-failure.ts';
import { DASHBOARD_REFUSALS } from '../../dashboard/dashboard-error.ts';
import { DIAL_OUTCOMES } from '../../registry/addresses/prover.ts';
import { COUNTED_LEVELS, FOLLOWED_FILES } from './log-counters.ts';
import type { ControlPlaneMetrics } from '../../metrics.ts';

/**
 * The counters whose labels have closed lists, with the lists. The reasons of
 * `hauberk_grpc_connections_failed_total` are codes of the system, and no such list.
 */
export const KNOWN_SERIES = {
  certificatesIssued: { proof: ['token', 'renewal'] },
  issueRefused: { reason: REFUSALS },
  callsRefused: { service: ['discovery', 'admin'], reason: REFUSALS },
  handshakesRefused: { reason: HANDSHAKE_FAILURES },
  addressDials: { outcome: DIAL_OUTCOMES },
  bundleConnectionsRefused: { reason: HTTP_REFUSALS },
  dashboardConnectionsRefused: { reason: HTTP_REFUSALS },
  dashboardRefused: { reason: DASHBOARD_REFUSALS },
  logLines: { level: COUNTED_LEVELS },
  reloadsRefused: { file: FOLLOWED_FILES },
} as const satisfies Partial<
  Record<keyof ControlPlaneMetrics, Readonly<Record<string, readonly string[]>>>
>;

/** Begins each known series at 0. */
export function startAtZero(metrics: ControlPlaneMetrics): void {
  for (const name of Object.keys(KNOWN_SERIES) as (keyof typeof KNOWN_SERIES)[]) {
    const counter: { inc(labels: object, value: number): void } = metrics[name];
    for (const labels of everySeries(KNOWN_SERIES[name])) counter.inc(labels, 0);
  }
}
