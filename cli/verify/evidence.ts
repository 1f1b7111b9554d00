import type { HostPort } from '../../common/config/address.ts';
import type { CanaryOutcome, ProbeOutcome } from './agent/agent-task.ts';
import type { CaptureStatistics } from './capture-statistics.ts';
import type { WireObservation } from './wire/wire-analysis.ts';

/** Everything that a run has seen; nothing is judged in here. */
export interface Evidence {
  readonly from: string;
  readonly to: string;
  /** Where the canaries were sent to, in plaintext. */
  readonly called: HostPort;
  /** Where the sidecar of the destination takes tunnels. */
  readonly peer: HostPort;
  readonly networkInterface: string;
  readonly durationMs: number;
  readonly application: CanaryOutcome & {
    /** How often the canary was read in plaintext where it must be: the positive control. */
    readonly received: number;
    readonly receivedBy: 'the application' | 'the loopback interface of the source';
  };
  readonly capture: CaptureStatistics;
  readonly wire: WireObservation;
  readonly probes: readonly ProbeOutcome[];
}
