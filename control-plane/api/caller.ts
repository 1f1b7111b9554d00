import type { X509Certificate } from 'node:crypto';
import {
  adminId,
  controlPlaneId,
  SYSTEM_NAMESPACE,
  type SpiffeId,
} from '../../common/pki/spiffe-id.ts';
import type { Caller, UntrustedReason } from '../../common/rpc/peer.ts';
import type { MeshView } from '../registry/mesh-view.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { isRecordOf } from '../ca/issuance/record.ts';
import { certificateRevoked } from '../revocation/admission.ts';
import { RequestError } from './request-error.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { PATH_FAULTS, pathFault } from '../../common/pki/path/verified-path.ts';

/** What authenticates callers. */
export interface CallerTrust {
  readonly trustDomain: string;
  readonly view: Pick<MeshView, 'revocations'>;
}

/** What authenticates operators. */
export interface OperatorTrust extends CallerTrust {
  readonly ca: Pick<CertificateAuthority, 'issuanceOf'>;
}

/** A caller whose certificate was verified. */
export interface ProvenCaller {
  readonly spiffeId: SpiffeId;
  readonly certificate: X509Certificate;
}

const UNTRUSTED: Record<UntrustedReason, string> = {
  'certificate-untrusted':
    'the client certificate was not issued by this mesh, or is not valid yet',
  'certificate-expired': 'the client certificate has expired',
  'signing-certificate': 'the client certificate may sign others, and is no identity',
  'san-missing': 'the client certificate has no SPIFFE ID',
  'san-multiple': 'the client certificate has more than one SPIFFE ID',
  'spiffe-id': 'the client certificate has a URI that is not a SPIFFE ID of a workload',
};

/**
 * The caller, when its certificate proves an identity of the trust domain and was not revoked.
 *
 * @throws RequestError, RevocationError `certificate-revoked`
 */
function requireProof(caller: Caller, trust: CallerTrust): ProvenCaller {
  const proven = requireTrusted(caller, trust);
  const { spiffeId, certificate } = proven;
  if (trust.view.revocations().find(spiffeId.uri, certificate) === undefined) return proven;
  throw certificateRevoked(certificate);
}

function requireTrusted(caller: Caller, { trustDomain }: CallerTrust): ProvenCaller {
  switch (caller.kind) {
    case 'anonymous':
      throw new RequestError(
        'certificate-missing',
        'expected a join token or a client certificate, got neither',
        { hint: 'enrol with a join token first' },
      );
    case 'untrusted':
      throw new RequestError(caller.reason, UNTRUSTED[caller.reason], {
        hint: 'enrol with a new join token, and compare the clocks of both hosts',
      });
    case 'workload':
      if (caller.spiffeId.trustDomain === trustDomain) return caller;
      const sentence = `this is the control plane of ${trustDomain}, not of ${caller.spiffeId.trustDomain}`;
      throw new RequestError('wrong-trust-domain', sentence);
  }
}

/** The caller, when it is a sidecar. @throws RequestError, RevocationError */
export function requireWorkload(caller: Caller, trust: CallerTrust): ProvenCaller {
  const proven = requireProof(caller, trust);
  if (proven.spiffeId.namespace !== SYSTEM_NAMESPACE) return proven;
  const sentence = `${proven.spiffeId.uri} is an identity of the mesh itself, not of a workload`;
  throw new RequestError('identity-mismatch', sentence);
}

/**
 * The caller, when it is an operator: its certificate is one that this control plane has issued, byte by
 * byte. Below a root of the operator's own others may sign the name as well, and do not become operators.
 *
 * @throws RequestError, RevocationError, StoreError
 */
export function requireAdmin(caller: Caller, trust: OperatorTrust): Promise<ProvenCaller> {
  return requireOwn(caller, trust, [adminId(trust.trustDomain).uri]);
}

/**
 * The caller, when it is an operator, or another control plane that asks for one. Throws as `requireAdmin`.
 */
export function requireAdminOrSibling(caller: Caller, trust: OperatorTrust): Promise<ProvenCaller> {
  const { trustDomain } = trust;
  return requireOwn(caller, trust, [adminId(trustDomain).uri, controlPlaneId(trustDomain).uri]);
}

async function requireOwn(
  caller: Caller,
  trust: OperatorTrust,
  allowed: readonly [string, ...string[]],
): Promise<ProvenCaller> {
  const proven = requireProof(caller, trust);
  const { spiffeId, certificate } = proven;
  requireNamed(proven, allowed);
  const issuance = await trust.ca.issuanceOf(certificate, spiffeId);
  if (issuance !== undefined && isRecordOf(issuance, certificate)) return proven;
  const sentence = `the issuance log does not have this certificate of ${spiffeId.uri}`;
  throw new RequestError('certificate-untrusted', sentence, { hint: PRESENT_ADMIN_FILE });
}

/** One who was let in as an operator or another control plane, when it is an operator. @throws RequestError */
export function requireOperator(proven: ProvenCaller, { trustDomain }: OperatorTrust): void {
  requireNamed(proven, [adminId(trustDomain).uri]);
}

function requireNamed({ spiffeId }: ProvenCaller, allowed: readonly [string, ...string[]]): void {
  if (allowed.includes(spiffeId.uri)) return;
  const message = `only ${allowed[0]} may do this, and the caller is ${spiffeId.uri}`;
  const hint = "use the admin.pem of the control plane's data directory";
  throw new RequestError('identity-mismatch', message, { hint });
}

const PRESENT_ADMIN_FILE =
  "take the current admin.pem from the control plane's data directory; each start of the control plane makes a new one";

/** What authenticates a caller with an expired certificate. */
interface ExpiredCallerTrust extends CallerTrust {
  readonly roots: readonly X509Certificate[];
  readonly nowMs: number;
  /** So long after its end a certificate may still be renewed; 0: not at all. */
  readonly renewAfterExpiryMs: number;
  readonly ca: Pick<CertificateAuthority, 'issuanceOf'>;
}

/**
 * The caller, also when its certificate has expired a while ago: a host that was off comes back by
 * itself. TLS has proven that it holds the key, expired or not, and says nothing else about it: the
 * whole path is verified here as of the moment before the certificate expired, and it has to be one
 * that this control plane has issued, byte by byte. Identities of the mesh itself do not come back
 * this way.
 *
 * @throws RequestError, PkiError `san-missing`, `san-multiple`, `spiffe-id`, `signing-certificate`,
 *   RevocationError, StoreError
 */
export async function requireProofOrExpired(
  caller: Caller,
  trust: ExpiredCallerTrust,
): Promise<ProvenCaller> {
  if (caller.kind !== 'untrusted' || caller.certificate === undefined) {
    return requireProof(caller, trust);
  }
  const { certificate } = caller;
  const { roots, nowMs, renewAfterExpiryMs } = trust;
  const endMs = certificate.validToDate.getTime();
  const expired = (why: string, hint = 'enrol with a new join token'): RequestError => {
    const end = certificate.validToDate.toISOString();
    const sentence = `the client certificate expired at ${end}, and ${why}`;
    return new RequestError('certificate-expired', sentence, { hint });
  };
  if (nowMs - endMs > renewAfterExpiryMs) {
    throw expired(
      renewAfterExpiryMs === 0
        ? 'expired ones are not renewed here'
        : `expired ones are renewed for ${renewAfterExpiryMs / 1000} s`,
    );
  }
  const spiffeId = peerSpiffeId(certificate);
  const proven = requireProof({ kind: 'workload', spiffeId, certificate }, trust);
  if (spiffeId.namespace === SYSTEM_NAMESPACE) {
    throw expired(
      `${spiffeId.uri} is not renewed after its end`,
      "take the current admin.pem from the control plane's data directory",
    );
  }
  // First: to look for it costs little, and forged certificates are not there.
  const issuance = await trust.ca.issuanceOf(certificate, spiffeId);
  if (issuance === undefined || !isRecordOf(issuance, certificate)) {
    throw expired('the issuance log does not know it');
  }
  const purposes = ['clientAuth', 'serverAuth'] as const;
  const fault = pathFault(certificate, { roots, atMs: endMs - 1, purposes });
  if (fault !== undefined) {
    const sentence = `the client certificate has expired, and it ${PATH_FAULTS[fault]}`;
    const hint = 'enrol with a new join token';
    throw new RequestError('certificate-untrusted', sentence, { hint });
  }
  return proven;
}
