import { createPrivateKey, X509Certificate } from 'node:crypto';
import { plusMs, type MonotonicClock, type EpochMs } from '../../common/clock.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { RevocationList, type Revocation } from '../../common/pki/revocation.ts';
import type { IdentityChange, WorkloadIdentity } from '../identity/source.ts';
import { WorkersError } from './workers-error.ts';

/** An identity on its way from the primary to a worker: certificates and PKCS#8 key in DER. */
export interface IdentityMessage {
  readonly change: IdentityChange;
  readonly privateKey: Uint8Array;
  /** Leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly bundle: {
    readonly trustDomain: string;
    readonly version: number;
    readonly roots: readonly Uint8Array[];
    readonly withdrawn: readonly Uint8Array[];
    readonly added: readonly Uint8Array[];
  };
  /** Roots of other trust domains, by their names. */
  readonly federated: readonly (readonly [string, readonly Uint8Array[]])[];
  readonly revocations: readonly Revocation[];
  /** The monotonic clock of another process begins elsewhere: so long ago it was when this was sent. */
  readonly receivedMs: EpochMs;
  readonly receivedAgoMs: number;
  readonly lifetimeMs: number;
}

/** Writes an identity for the channel, which leads to children of this process and nowhere else. */
export function toIdentityMessage(
  { privateKey, chain, bundle, received, lifetimeMs }: WorkloadIdentity,
  change: IdentityChange,
  clock: MonotonicClock,
): IdentityMessage {
  const der = (certificates: readonly X509Certificate[]) => certificates.map(({ raw }) => raw);
  return {
    change,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }),
    chain: der(chain),
    bundle: {
      trustDomain: bundle.trustDomain,
      version: bundle.version,
      roots: der(bundle.roots),
      withdrawn: der(bundle.withdrawn ?? []),
      added: der(bundle.added ?? []),
    },
    federated: [...(bundle.federated ?? [])].map(([name, roots]) => [name, der(roots)]),
    revocations: bundle.revocations?.all ?? [],
    receivedMs: received.epochMs,
    receivedAgoMs: clock.monotonicMs() - received.monotonicMs,
    lifetimeMs,
  };
}

/** Reads an identity. Throws WorkersError `worker-failed` when there is no certificate in it. */
export function fromIdentityMessage(
  message: IdentityMessage,
  clock: MonotonicClock,
): WorkloadIdentity {
  const { bundle, receivedMs, receivedAgoMs, lifetimeMs } = message;
  const read = (certificates: readonly Uint8Array[]): X509Certificate[] =>
    certificates.map((der) => new X509Certificate(der));
  const [leaf, ...issuers] = read(message.chain);
  if (leaf === undefined) {
    throw new WorkersError('worker-failed', 'expected a certificate from the primary, got none');
  }
  const [withdrawn, added] = [read(bundle.withdrawn), read(bundle.added)];
  return {
    spiffeId: peerSpiffeId(leaf),
    privateKey: createPrivateKey({
      key: Buffer.from(message.privateKey),
      format: 'der',
      type: 'pkcs8',
    }),
    chain: [leaf, ...issuers],
    bundle: {
      trustDomain: bundle.trustDomain,
      version: bundle.version,
      roots: read(bundle.roots),
      ...(withdrawn.length === 0 ? {} : { withdrawn }),
      ...(added.length === 0 ? {} : { added }),
      federated: new Map(message.federated.map(([name, roots]) => [name, read(roots)])),
      revocations: new RevocationList(message.revocations),
    },
    received: {
      epochMs: receivedMs,
      monotonicMs: plusMs(clock.monotonicMs(), -receivedAgoMs),
    },
    lifetimeMs,
  };
}
