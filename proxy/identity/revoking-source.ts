import type { RevocationList } from '../../common/pki/revocation.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { createIdentitySource } from './mutable-source.ts';
import type { FederatedRoots, IdentitySource, WorkloadIdentity } from './source.ts';

/** Something that is known, as it changes. */
export interface Changing<Value> {
  current(): Value;
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/**
 * An identity whose trust leaves out what was revoked: what meets peers is given this one, so that
 * every handshake is judged by the revocations of its moment, and hears of the next ones. It knows
 * other trust domains, where there are any.
 */
export function withRevocations(
  source: IdentitySource,
  revocations: Changing<RevocationList>,
  federation?: Changing<FederatedRoots>,
): IdentitySource & Closeable {
  const join = (identity: WorkloadIdentity): WorkloadIdentity => ({
    ...identity,
    bundle: {
      ...identity.bundle,
      revocations: revocations.current(),
      ...(federation === undefined ? {} : { federated: federation.current() }),
    },
  });
  // One object until something changes: secure contexts are kept by it.
  const joined = createIdentitySource(join(source.current()));
  const stops = [
    source.onChange((identity, change) => joined.replace(join(identity), change)),
    revocations.onChange(() => joined.replace(join(source.current()), 'revocations')),
    federation?.onChange(() => joined.replace(join(source.current()), 'bundle')),
  ];
  return {
    current: () => joined.current(),
    onChange: (listener) => joined.onChange(listener),
    close() {
      for (const stop of stops) stop?.();
    },
  };
}
