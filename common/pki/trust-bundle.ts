import type { X509Certificate } from 'node:crypto';

/** The roots to trust for one trust domain; the version grows with every change. */
export interface TrustBundle {
  readonly trustDomain: string;
  readonly version: number;
  /** Of the mesh itself. The certificate of the control plane chains to one of them. */
  readonly roots: readonly X509Certificate[];
  /** Added by the operator: certificates of peers may chain to one of them as well, and no others. */
  readonly added?: readonly X509Certificate[];
  /**
   * Former roots whose key is compromised. A certificate that chains to one of them is not trusted
   * any more, also on a connection that was made before.
   */
  readonly withdrawn?: readonly X509Certificate[];
}

/** The roots that peers of the trust domain may lead to. */
export function peerRootsOf(bundle: {
  readonly roots: readonly X509Certificate[];
  readonly added?: readonly X509Certificate[] | undefined;
}): readonly X509Certificate[] {
  const { roots, added } = bundle;
  return added === undefined ? roots : [...roots, ...added];
}
