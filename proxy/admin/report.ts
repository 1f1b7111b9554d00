import type { SidecarReport } from '../discovery/sync-settings.ts';
import { expiresMs } from '../identity/schedule.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { PlaintextFlows } from '../interception/plaintext-flows.ts';
import type { ProxyMetrics } from '../metrics.ts';

/** What this sidecar tells the control plane about itself, for `hauberk status`. */
export function sidecarReport(
  identity: IdentitySource,
  metrics: ProxyMetrics,
  flows: PlaintextFlows,
): SidecarReport {
  const current = identity.current();
  return {
    certificateSerial: current.chain[0].serialNumber.toLowerCase(),
    certificateNotAfterMs: expiresMs(current),
    ...metrics.totals(),
    plaintext: flows.summary(),
  };
}
