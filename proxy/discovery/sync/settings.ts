import type { Logger } from 'pino';
import type {
  Hello,
  LocalAllowance,
  MetricsListener,
  Question,
  Watch,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { Clock, EpochMs } from '../../../common/clock.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import type { ControlPlaneTargets } from '../../../common/rpc/control-plane-targets.ts';
import type { RpcError } from '../../../common/rpc/rpc-error.ts';
import type { SidecarReport } from '../../../common/wire/report.ts';
import type { InterestSource } from '../interest/interest.ts';
import type { KeptView } from '../saved-view.ts';
import type { SyncCredentials } from './credentials.ts';
import type { SyncStream } from './stream.ts';

/** Where the credentials come from; an `IdentitySource` is one. */
export interface SyncIdentity {
  current(): SyncCredentials;
  onChange(
    listener: (current: SyncCredentials, change: 'leaf' | 'bundle' | 'revocations') => void,
  ): () => void;
}

/** Where this sidecar can be reached. */
export type AdvertisedAddresses = Pick<Hello, 'addresses' | 'hbonePort' | 'ports' | 'anyPort'>;

/** What the Sync stream needs. */
export interface SyncClientSettings {
  readonly identity: SyncIdentity;
  readonly controlPlanes: ControlPlaneTargets;
  readonly instanceId: string;
  readonly softwareVersion: string;
  /** What it was told of who may reach its ports; announced, so that operators can ask. */
  readonly allow: readonly LocalAllowance[];
  /** Where its metrics are served, so that Prometheus finds them; absent: it does not tell. */
  readonly metrics?: MetricsListener | undefined;
  /** What it is to the mesh; absent: it does not tell. */
  readonly role?: 'sidecar' | 'gateway';
  /** Asked at each connection, and every few seconds: what is different is announced soon. */
  readonly hello: () => AdvertisedAddresses;
  /** Asked every few seconds; told to the control plane when it is different. */
  readonly report: () => SidecarReport;
  /** Takes new roots into use; what the view says is acknowledged after it has resolved. */
  readonly onBundle: (bundle: TrustBundle) => void | Promise<void>;
  /** A stream was answered: the control plane takes the certificate in use. */
  readonly onTaken?: (() => void) | undefined;
  /** What the control plane's clock says now, told every half a minute. */
  readonly onServerTime?: ((serverMs: EpochMs) => void) | undefined;
  /** The control plane asks for reports of what passes, on this stream. */
  readonly onWatch?: ((watch: Watch, stream: Pick<SyncStream, 'send'>) => void) | undefined;
  /** The control plane asks something, to be answered on this stream. */
  readonly onQuestion?:
    ((question: Question, stream: Pick<SyncStream, 'send'>) => void) | undefined;
  /** A stream with the certificate in use ended, or was refused, and why. */
  readonly onEnded?: ((error: RpcError) => void) | undefined;
  /** Resolves when what was learnt is in force in other processes too; asked before it is acknowledged. */
  readonly inForce?: (() => Promise<void>) | undefined;
  /** What it asks to be told of. */
  readonly interest: InterestSource;
  /** What is known from the last run, and where the next one finds what is learnt now. */
  readonly saved: KeptView;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1); spreads reconnects. */
  readonly random: () => number;
}
