import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Moment } from '../../common/dates.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { RevocationList } from '../../common/pki/revocation.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';

/** What to trust: what chains to one of the roots, except for what was revoked. */
export interface PeerTrust extends TrustBundle {
  /** Set by `withRevocations`, which everything that meets peers gets its identity from. */
  readonly revocations?: RevocationList;
  /** Roots of other trust domains, each for its own peers alone; set in the same way. */
  readonly federated?: FederatedRoots;
}

/** Roots of other trust domains, by their names. */
export type FederatedRoots = ReadonlyMap<string, readonly X509Certificate[]>;

/** Everything that one handshake needs, at one moment; immutable, replaced as a whole. */
export interface WorkloadIdentity {
  readonly spiffeId: SpiffeId;
  readonly privateKey: KeyObject;
  /** Leaf first, then the issuers, without the root. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]];
  readonly bundle: PeerTrust;
  /** When this host received the leaf, by its own clocks: lifetimes are counted from here. */
  readonly received: Moment;
  /** Validity that was left on receipt, by the control plane's clock: immune to clock skew. */
  readonly lifetimeMs: number;
}

/** What changed: a new leaf (with a new key), or only the roots to trust, or what was revoked. */
export type IdentityChange = 'leaf' | 'bundle' | 'revocations';

/**
 * No component holds a certificate; it holds this and asks for each handshake.
 */
export interface IdentitySource {
  /** The identity to use for a handshake now. */
  current(): WorkloadIdentity;
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: (identity: WorkloadIdentity, change: IdentityChange) => void): () => void;
}
