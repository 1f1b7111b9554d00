import type { X509Certificate } from 'node:crypto';
import type { EpochMs } from '../../common/clock.ts';
import { isIssuedBy } from '../../common/pki/issued-by.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { peerRootsOf, type TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { PeerTrust } from '../identity/source.ts';

/** A chain is a leaf, its issuers and some cross-signatures. */
const MAX_PRESENTED = 10;

/** Roots of one trust domain, as a handshake trusted them. */
interface TrustedRoots {
  readonly roots: readonly X509Certificate[];
  readonly added?: readonly X509Certificate[] | undefined;
}

/**
 * A peer as its handshake has proved it: who it is, until when, and which roots it was trusted by. The
 * tunnel carries it, so that the peer can be judged again whenever the trust changes.
 */
export class AuthenticatedPeer {
  readonly spiffeId: SpiffeId;
  /** When its certificate expires. */
  readonly expiresMs: EpochMs;
  /** As TLS presented it: its `issuerCertificate` leads to the others. */
  readonly #leaf: X509Certificate;
  readonly #trusted: TrustedRoots;
  /** The last answer: tunnels are looked at far more often than roots change. */
  #judged: { readonly trust: TrustBundle; readonly withdrawn: boolean } | undefined;

  /** @param trusted the roots of its own trust domain */
  constructor(spiffeId: SpiffeId, leaf: X509Certificate, trusted: TrustedRoots) {
    this.spiffeId = spiffeId;
    this.expiresMs = leaf.validToDate.getTime() as EpochMs;
    this.#leaf = leaf;
    this.#trusted = trusted;
  }

  /**
   * Whether its certificate has been revoked since the handshake, or a root that it was trusted by has been
   * withdrawn because its key was stolen, or removed by the operator who had added it. The roots of
   * another trust domain are all that there is to say about its peers.
   */
  isRevoked(trust: PeerTrust): boolean {
    const { trustDomain, uri } = this.spiffeId;
    if (trustDomain !== trust.trustDomain) {
      const roots = trust.federated?.get(trustDomain);
      return roots === undefined || (roots !== this.#trusted.roots && !leadsTo(this.#leaf, roots));
    }
    const isListed = trust.revocations?.find(uri, this.#leaf) !== undefined;
    return isListed || this.#isWithdrawn(trust) || this.#isRemoved(trust);
  }

  /**
   * Whether it was trusted by nothing better than a root that has been withdrawn since. It is not when its
   * chain leads to a root that is trusted now, or to one that was dropped without a theft.
   */
  #isWithdrawn(trust: TrustBundle): boolean {
    const { withdrawn = [] } = trust;
    if (withdrawn.length === 0) return false;
    const last = this.#judged;
    const isSame =
      last?.trust.roots === trust.roots &&
      last.trust.withdrawn === withdrawn &&
      last.trust.added === trust.added;
    if (isSame) return last.withdrawn;
    const known = [...peerRootsOf(trust), ...peerRootsOf(this.#trusted)];
    const honest = known.filter((root) => !includes(withdrawn, root));
    const answer = !leadsTo(this.#leaf, honest);
    this.#judged = { trust, withdrawn: answer };
    return answer;
  }

  /**
   * Whether it was trusted by nothing better than a root of the operator's that has been removed since.
   * Roots of the mesh itself come and go without that: a rotation ends no tunnel.
   */
  #isRemoved(trust: TrustBundle): boolean {
    const { roots, added: before } = this.#trusted;
    if (before === undefined || before === trust.added) return false;
    const { added = [] } = trust;
    if (before.every((root) => added.some(({ raw }) => raw.equals(root.raw)))) return false;
    return !leadsTo(this.#leaf, [...peerRootsOf(trust), ...roots]);
  }
}

/**
 * Whether signatures lead from the leaf to one of the roots, through what came along with it in
 * whatever order. The dates were judged by the handshake, and are watched since.
 */
function leadsTo(leaf: X509Certificate, roots: readonly X509Certificate[]): boolean {
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
