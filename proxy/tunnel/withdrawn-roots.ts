import type { X509Certificate } from 'node:crypto';
import { isIssuedBy } from '../../common/pki/issued-by.ts';
import { peerRootsOf, type TrustBundle } from '../../common/pki/trust-bundle.ts';

/** What a handshake believed. */
export interface AcceptedChain {
  /** As TLS presented it: its `issuerCertificate` leads to the others. */
  readonly leaf: X509Certificate;
  /** The mesh's own that were trusted then. */
  readonly roots: readonly X509Certificate[];
  /** What the operator had added to them. */
  readonly added: readonly X509Certificate[] | undefined;
}

/** Nobody of the mesh shows more than a leaf, its issuers and some cross-signatures. */
const MAX_PRESENTED = 10;

/** The last answer for each leaf: tunnels are looked at far more often than roots change. */
const answers = new WeakMap<X509Certificate, { trust: TrustBundle; withdrawn: boolean }>();

/**
 * Whether a peer was believed for nothing better than a root that has been withdrawn since. It is not
 * when its chain leads to a root that is trusted now, or to one that was dropped without a theft; what
 * cannot be told counts as withdrawn.
 */
export function isWithdrawn(chain: AcceptedChain | undefined, trust: TrustBundle): boolean {
  const { withdrawn = [] } = trust;
  if (withdrawn.length === 0) return false;
  if (chain === undefined) return true;
  const last = answers.get(chain.leaf);
  const isSame =
    last?.trust.roots === trust.roots &&
    last.trust.withdrawn === withdrawn &&
    last.trust.added === trust.added;
  if (isSame) return last.withdrawn;
  const known = [...peerRootsOf(trust), ...peerRootsOf(chain)];
  const honest = known.filter((root) => !includes(withdrawn, root));
  const answer = !leadsTo(chain.leaf, honest);
  answers.set(chain.leaf, { trust, withdrawn: answer });
  return answer;
}

/**
 * Whether a peer was believed for nothing better than a root of the operator's that has been removed
 * since. Roots of the mesh itself come and go without that: nobody is to notice a rotation.
 */
export function isForsaken(chain: AcceptedChain | undefined, trust: TrustBundle): boolean {
  if (chain?.added === undefined || chain.added === trust.added) return false;
  const { added = [] } = trust;
  if (chain.added.every((root) => added.some(({ raw }) => raw.equals(root.raw)))) return false;
  return !leadsTo(chain.leaf, [...peerRootsOf(trust), ...chain.roots]);
}

/**
 * Whether signatures lead from the leaf to one of the roots, through what came along with it in
 * whatever order. The dates were judged by the handshake, and are watched since.
 */
export function leadsTo(leaf: X509Certificate, roots: readonly X509Certificate[]): boolean {
  const unused = new Set<X509Certificate>();
  for (let next = leaf.issuerCertificate; next !== undefined; next = next.issuerCertificate) {
    if (unused.size === MAX_PRESENTED) return false;
    unused.add(next);
  }
  const reached = [leaf];
  for (const link of reached) {
    if (roots.some((root) => isIssuer(root, link))) return true;
    for (const candidate of unused) {
      if (!isIssuer(candidate, link)) continue;
      unused.delete(candidate);
      reached.push(candidate);
    }
  }
  return false;
}

function isIssuer(issuer: X509Certificate, link: X509Certificate): boolean {
  return issuer.ca && isIssuedBy(link, issuer);
}

/** By the key: another certificate with the key that was stolen is no better. */
function includes(roots: readonly X509Certificate[], wanted: X509Certificate): boolean {
  return roots.some((root) => root.publicKey.equals(wanted.publicKey));
}
