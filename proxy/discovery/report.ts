import type { Clock } from '../../common/clock.ts';
import type { SidecarReport } from '../../common/wire/report.ts';
import { expiryDateMs } from '../identity/renewal/schedule.ts';
import type { IdentitySource } from '../identity/source.ts';

/** What the data path tells of itself; with workers, each of them and their sum. */
export type Traffic = Pick<
  SidecarReport,
  | 'openConnections'
  | 'openTunnels'
  | 'totalConnections'
  | 'plaintext'
  | 'egress'
  | 'missingUpstreams'
>;

/** What this sidecar tells the control plane about itself, for `hauberk status`. */
export function sidecarReport(
  identity: IdentitySource,
  traffic: Traffic,
  clock: Clock,
): SidecarReport {
  const current = identity.current();
  return {
    ...traffic,
    certificateSerial: current.chain[0].serialNumber.toLowerCase(),
    certificateNotAfterMs: expiryDateMs(current, clock),
  };
}
