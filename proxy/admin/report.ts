import type { SidecarReport } from '../discovery/sync-settings.ts';
import { expiresMs } from '../identity/schedule.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { PlaintextTraffic } from '../interception/plaintext-flows.ts';
import type { ProxyTotals } from '../metrics.ts';

/** What the data path tells of itself. */
export interface Traffic {
  readonly totals: ProxyTotals;
  readonly plaintext: PlaintextTraffic;
  /** The ways to servers outside, and what stands in them. */
  readonly outside: SidecarReport['egress'];
}

/** What this sidecar tells the control plane about itself, for `hauberk status`. */
export function sidecarReport(
  identity: IdentitySource,
  { totals, plaintext, outside }: Traffic,
): SidecarReport {
  const current = identity.current();
  return {
    certificateSerial: current.chain[0].serialNumber.toLowerCase(),
    certificateNotAfterMs: expiresMs(current),
    ...totals,
    plaintext,
    egress: outside,
  };
}
