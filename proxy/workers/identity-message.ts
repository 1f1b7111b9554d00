import { createPrivateKey, X509Certificate } from 'node:crypto';
import { plusMs, type MonotonicClock, type EpochMs } from '../../common/clock.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { RevocationList, type Revocation } from '../../common/pki/revocation.ts';
import { readBundle, toBundleMessage } from '../../common/wire/bundle.ts';
import type { TrustBundle as BundleMessage } from '../../proto/gen/hauberk/v1/identity.ts';
import type { IdentityChange, WorkloadIdentity } from '../identity/source.ts';
import { WorkersError } from './workers-error.ts';

/** An identity on its way from the primary to a worker: certificates and PKCS#8 key in DER. */
export interface IdentityMessage {
  readonly change: IdentityChange;
  readonly privateKey: Uint8Array;
  /** Leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly bundle: BundleMessage;
  /** Of other trust domains. */
  readonly federated: readonly BundleMessage[];
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
  return {
    change,
    privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }),
    chain: chain.map(({ raw }) => raw),
    bundle: toBundleMessage(bundle),
    federated: Array.from(bundle.federated ?? [], ([trustDomain, roots]) =>
      toBundleMessage({ trustDomain, version: 0, roots }),
    ),
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
  const [leaf, ...issuers] = message.chain.map((der) => new X509Certificate(der));
  if (leaf === undefined) {
    throw new WorkersError('worker-failed', 'expected a certificate from the primary, got none');
  }
  const key = Buffer.from(message.privateKey);
  return {
    spiffeId: peerSpiffeId(leaf),
    privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }),
    chain: [leaf, ...issuers],
    bundle: {
      ...readBundle(bundle, bundle.trustDomain),
      federated: new Map(
        message.federated.map((one) => [one.trustDomain, readBundle(one, one.trustDomain).roots]),
      ),
      revocations: new RevocationList(message.revocations),
    },
    received: { epochMs: receivedMs, monotonicMs: plusMs(clock.monotonicMs(), -receivedAgoMs) },
    lifetimeMs,
  };
}
