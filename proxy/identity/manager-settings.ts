import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { ControlPlaneTargets } from '../../common/rpc/control-plane-targets.ts';
import type { OpenConnection } from './renewal/open-connection.ts';
import type { TokenSource } from './token-source.ts';

/** What is counted here. */
export interface IdentityMetrics {
  renewed(): void;
  /** @param reason the code of the error (`RpcErrorCode`), or `internal` */
  renewalFailed(reason: string): void;
}

/** What the identity of a sidecar is made from. */
export interface IdentityManagerSettings {
  readonly spiffeId: SpiffeId;
  readonly controlPlanes: ControlPlaneTargets;
  /** A connection that is open anyway: renewals go over it. */
  readonly openConnection?: (() => OpenConnection | undefined) | undefined;
  /** Join token; not needed while the state directory holds a valid certificate. */
  readonly tokens?: TokenSource | undefined;
  readonly stateDirectory: string;
  /** Lifetime to ask for; the control plane has a default, and decides. */
  readonly lifetimeMs?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: IdentityMetrics;
  /** In [0, 1); spreads renewals and retries. */
  readonly random: () => number;
  /** Gives up the wait for a control plane at the first start. */
  readonly signal?: AbortSignal;
}
