import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Network } from '../../common/network.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { EgressConditions } from '../egress/conditions.ts';
import type { TrustMaterials } from '../egress/trust-material.ts';
import type { MemoryBudget } from '../http2/memory-budget.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { OwnAddresses } from '../workload/own-addresses.ts';
import type { PolicySource } from '../policy/policy-source.ts';

/** What both directions of a sidecar's traffic need. */
export interface Room {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whatever is not awaited runs under it. */
  readonly guard: Guard;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Aborted when the sidecar is told to stop. */
  readonly signal: AbortSignal;
  readonly config: ProxyConfig;
  readonly self: SpiffeId;
  readonly source: IdentitySource;
  /** Where its sockets are made. */
  readonly network: Network;
  readonly metrics: ProxyMetrics;
  /** Who may come in. */
  readonly policies: PolicySource;
  /** What stands in the way to servers outside. */
  readonly conditions: EgressConditions;
  readonly trust: TrustMaterials;
  readonly addresses: OwnAddresses;
  /** Ports of this sidecar's own listeners: never served to peers, never called through ourselves. */
  readonly ownPorts: Set<number>;
  /** Bounds what waits in this process for slow readers. */
  readonly memory: MemoryBudget;
}
