import type { Clock } from '../../common/clock.ts';
import type { SidecarReport } from './sync/settings.ts';
import { expiryDateMs } from '../identity/schedule.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { PlaintextTraffic } from '../metrics/plaintext-flows.ts';
import type { ProxyTotals } from '../metrics/proxy-metrics.ts';

/** What the data path tells of itself. */
export interface Traffic {
  readonly totals: ProxyTotals;
  readonly plaintext: PlaintextTraffic;
  /** The ways to servers outside, and what stands in them. */
  readonly outside: SidecarReport['egress'];
  /** Upstreams that no endpoint has served since the sidecar started, as `SERVICE.NAMESPACE:PORT`. */
  readonly missingUpstreams: readonly string[];
}

/** What this sidecar tells the control plane about itself, for `hauberk status`. */
export function sidecarReport(
  identity: IdentitySource,
  { totals, plaintext, outside, missingUpstreams }: Traffic,
  clock: Clock,
): SidecarReport {
  const current = identity.current();
  return {
    certificateSerial: current.chain[0].serialNumber.toLowerCase(),
    certificateNotAfterMs: expiryDateMs(current, clock),
    ...totals,
    plaintext,
    egress: outside,
    missingUpstreams,
  };
}
