import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { describeError } from '../../common/errors.ts';
import { PkiError } from '../../common/pki/pki-error.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { serialOf } from '../../common/pki/revocation.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { PeerTrust } from '../identity/source.ts';
import { peerRootsOf } from '../../common/pki/trust-bundle.ts';
import { leadsToRoot, pathFault } from '../../common/pki/path/verified-path.ts';
import { AuthenticatedPeer } from './authenticated-peer.ts';

/** Why a peer's handshake was refused; labels of `hauberk_handshakes_refused_total`. */
export const HANDSHAKE_REFUSALS = [
  'certificate-missing',
  'untrusted',
  'expired',
  'not-yet-valid',
  'revoked',
  'signing-certificate',
  'san-missing',
  'san-multiple',
  'spiffe-id',
  'wrong-trust-domain',
  'wrong-identity',
  'no-alpn',
  'tls-error',
  'timeout',
  'too-many',
  'descriptors',
  'peer-limit',
  'peer-rate',
] as const;

/** One of them. */
export type HandshakeRefusal = (typeof HANDSHAKE_REFUSALS)[number];

/** Who the peer is, or why it is refused; the sentence is for our log, never for the peer. */
export type PeerCheck =
  | { readonly kind: 'peer'; readonly peer: AuthenticatedPeer }
  | { readonly kind: 'refused'; readonly reason: HandshakeRefusal; readonly sentence: string };

/** The protocol of HBONE, by ALPN (RFC 7301). */
export const HBONE_ALPN = 'h2';

/** What else is known about a handshake. */
export interface PeerCheckOptions {
  /** What TLS itself has verified the certificate with, where that may be older. */
  readonly verifiedBy?: PeerTrust;
  /** Added to what is said of dates: `skewHint`. */
  readonly skew?: string;
}

/**
 * Judges the peer of a TLS connection that was made with `rejectUnauthorized: false`, so that the
 * reason can be told. Nothing may be read or written before it has passed.
 */
export function checkPeer(
  socket: TLSSocket,
  bundle: PeerTrust,
  nowMs: number,
  { verifiedBy = bundle, skew = '' }: PeerCheckOptions = {},
): PeerCheck {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    return refused('certificate-missing', 'expected a certificate of the mesh, got none');
  }
  // An untrusted certificate is given out, too: only `authorized` says that it was verified.
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    return untrusted(certificate, code, bundle, { nowMs, skew });
  }
  if (socket.alpnProtocol !== HBONE_ALPN) {
    const got = socket.alpnProtocol === false ? 'none' : String(socket.alpnProtocol);
    return refused('no-alpn', `expected the protocol ${HBONE_ALPN} by ALPN, got ${got}`);
  }
  let id: SpiffeId;
  try {
    id = peerSpiffeId(certificate);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    const reason = NAME_FAULTS.find((fault) => fault === error.code) ?? 'spiffe-id';
    return refused(reason, describeError(error));
  }
  const isForeign = id.trustDomain !== bundle.trustDomain;
  const foreign = isForeign ? bundle.federated?.get(id.trustDomain) : undefined;
  if (isForeign && foreign === undefined) {
    const expected = `expected an identity of the trust domain ${bundle.trustDomain}`;
    return refused('wrong-trust-domain', `${expected}, got ${id.uri}`);
  }
  // TLS has verified it against the roots of all trust domains, or against former ones; only its own of
  // today may vouch for it.
  const roots = foreign ?? peerRootsOf(bundle);
  const isMixed = bundle.federated !== undefined && bundle.federated.size > 0;
  const isOlder = verifiedBy.roots !== bundle.roots || verifiedBy.added !== bundle.added;
  if ((isMixed || isOlder) && !leadsToRoot(certificate, roots, nowMs)) {
    const expected = `expected ${id.uri} from a root of ${id.trustDomain}`;
    return refused('untrusted', `${expected}, got a certificate that chains to another one`);
  }
  if (bundle.revocations?.find(id.uri, certificate) !== undefined) {
    const got = `${serialOf(certificate)} of ${id.uri}`;
    return refused('revoked', `expected a certificate that is not revoked, got ${got}`);
  }
  const { roots: own, added } = bundle;
  const trusted = foreign === undefined ? { roots: own, added } : { roots: foreign };
  return { kind: 'peer', peer: new AuthenticatedPeer(id, certificate, trusted) };
}

const NAME_FAULTS = ['san-missing', 'san-multiple', 'signing-certificate'] as const;

function untrusted(
  certificate: X509Certificate,
  code: string,
  bundle: PeerTrust,
  { nowMs, skew }: { readonly nowMs: number; readonly skew: string },
): PeerCheck {
  const from = certificate.validFromDate.toISOString();
  const until = certificate.validToDate.toISOString();
  const validity = `it is valid from ${from} until ${until}, and it is ${new Date(nowMs).toISOString()} here`;
  const expected = 'expected a valid certificate';
  // Of several errors OpenSSL tells the last, which is the date.
  const isForeign = code === 'CERT_HAS_EXPIRED' && !wasTrusted(certificate, bundle);
  switch (isForeign ? 'UNABLE_TO_VERIFY' : code) {
    case 'CERT_HAS_EXPIRED':
      return refused('expired', `${expected}, got an expired one (${validity})${skew}`);
    case 'CERT_NOT_YET_VALID':
      return refused(
        'not-yet-valid',
        `${expected}, got one that is not valid yet (${validity})${skew}`,
      );
    default: {
      const got = `got one that does not verify (${code}; ${validity})`;
      return refused('untrusted', `expected a certificate from a root of the trust bundle, ${got}`);
    }
  }
}

/** Whether a leaf was valid until it expired. One of whose authorities has ended counts as well. */
function wasTrusted(leaf: X509Certificate, bundle: PeerTrust): boolean {
  const roots = [...peerRootsOf(bundle), ...(bundle.federated?.values() ?? [])].flat();
  const atMs = leaf.validToDate.getTime() - 1;
  const fault = pathFault(leaf, { roots, atMs, purposes: ['clientAuth', 'serverAuth'] });
  return fault === undefined || fault === 'authority-not-valid';
}

function refused(reason: HandshakeRefusal, sentence: string): PeerCheck {
  return { kind: 'refused', reason, sentence };
}
