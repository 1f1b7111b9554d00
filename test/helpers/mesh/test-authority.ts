import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { createIssuer, createRoot, type Authority } from '../../../common/pki/authority.ts';
import { generatePrivateKey, type KeyAlgorithm } from '../../../common/pki/key.ts';
import { issueLeaf, type LeafOptions } from '../../../common/pki/leaf.ts';
import { DEFAULT_LEAF_LIFETIME_MS } from '../../../common/pki/lifetimes.ts';
import { spiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';

/** A workload's certificate and key, as a test hands them to TLS. */
export interface TestWorkload {
  readonly spiffeId: SpiffeId;
  readonly privateKey: KeyObject;
  /** Leaf first, then the issuer, without the root. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]];
  readonly leaf: X509Certificate;
}

/** What a test wants to be different about a workload's certificate. */
export type WorkloadOverrides = Partial<Omit<LeafOptions, 'publicKey'>> & {
  readonly keyAlgorithm?: KeyAlgorithm;
};

/** A certificate authority for one test. */
export interface TestAuthority {
  readonly root: Authority;
  readonly issuer: Authority;
  readonly bundle: TrustBundle;
  readonly workload: (
    namespace: string,
    service: string,
    overrides?: WorkloadOverrides,
  ) => TestWorkload;
}

/** What a test wants to be different about the authority. */
export interface TestAuthorityOptions {
  readonly trustDomain?: string;
  readonly nowMs?: number;
  /** A new root for a mesh that rotates has the version after the last one. */
  readonly bundleVersion?: number;
  /** Issue with this one instead of a new one below the root. */
  readonly issuer?: Authority;
}

/** Makes a root, an issuer, and workloads on demand: valid for an hour from `nowMs`, unless told otherwise. */
export function createTestAuthority(options: TestAuthorityOptions = {}): TestAuthority {
  const { trustDomain = 'mesh.local', nowMs = Date.now(), bundleVersion = 1 } = options;
  const root = createRoot({ trustDomain, nowMs });
  const issuer = options.issuer ?? createIssuer(root, { trustDomain, nowMs });
  return {
    root,
    issuer,
    bundle: { trustDomain, version: bundleVersion, roots: [root.certificate] },
    workload(namespace, service, { keyAlgorithm = 'p256', ...overrides } = {}) {
      const id = overrides.spiffeId ?? spiffeId({ trustDomain, namespace, service });
      const privateKey = generatePrivateKey(keyAlgorithm);
      const leaf = issueLeaf(issuer, {
        nowMs,
        lifetimeMs: DEFAULT_LEAF_LIFETIME_MS,
        ...overrides,
        spiffeId: id,
        publicKey: createPublicKey(privateKey),
      });
      return { spiffeId: id, privateKey, chain: [leaf, issuer.certificate], leaf };
    },
  };
}
