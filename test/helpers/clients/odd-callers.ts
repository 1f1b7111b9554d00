import type { Authority } from '../../../common/pki/authority.ts';
import type { Refusal } from '../../../common/rpc/rpc-error.ts';
import { oddCertificate, oddName } from '../pki/odd-certificate.ts';
import type { PeerCredentials } from './peer-credentials.ts';
import { createTestAuthority } from '../mesh/test-authority.ts';

const WEB = 'spiffe://mesh.local/ns/default/sa/web';

/** Somebody with a certificate that proves nothing, and what each kind of port says about it. */
export interface OddCaller {
  readonly credentials: (issuer: Authority) => PeerCredentials | undefined;
  /** The reason at a sidecar. */
  readonly hbone: string;
  /** The reason at the control plane. */
  readonly grpc: Refusal;
}

const HOUR_MS = 3_600_000;

function named(issuer: Authority, uris: readonly string[], validity: object = {}): PeerCredentials {
  return oddCertificate(issuer, { altNames: uris.map(oddName.uri), ...validity });
}

/** A workload of the mesh whose certificate of one hour has expired so long ago. */
export function expiredCaller(issuer: Authority, agoMs: number): PeerCredentials {
  const notAfterMs = Date.now() - agoMs;
  return named(issuer, [WEB], { notBeforeMs: notAfterMs - HOUR_MS, notAfterMs });
}

/** Every kind of certificate that must be refused, whatever is asked for. */
export const ODD_CALLERS: Readonly<Record<string, OddCaller>> = {
  'no certificate': {
    credentials: () => undefined,
    hbone: 'certificate-missing',
    grpc: 'certificate-missing',
  },
  'a certificate of another authority': {
    credentials: () => createTestAuthority().workload('default', 'web'),
    hbone: 'untrusted',
    grpc: 'certificate-untrusted',
  },
  'an expired certificate': {
    // For longer than `--renew-after-expiry` is by default.
    credentials: (issuer) => expiredCaller(issuer, 25 * HOUR_MS),
    hbone: 'expired',
    grpc: 'certificate-expired',
  },
  'a certificate of tomorrow': {
    credentials: (issuer) => {
      const notBeforeMs = Date.now() + HOUR_MS;
      return named(issuer, [WEB], { notBeforeMs, notAfterMs: notBeforeMs + HOUR_MS });
    },
    hbone: 'not-yet-valid',
    grpc: 'certificate-untrusted',
  },
  'a certificate that may sign others': {
    credentials: (issuer) =>
      oddCertificate(issuer, { altNames: [oddName.uri(WEB)], mayAlso: 'keyCertSign' }),
    hbone: 'signing-certificate',
    grpc: 'signing-certificate',
  },
  'a certificate without a URI': {
    credentials: (issuer) => oddCertificate(issuer, { altNames: [oddName.dns('web')] }),
    hbone: 'san-missing',
    grpc: 'san-missing',
  },
  'a certificate with two URIs': {
    credentials: (issuer) => named(issuer, [WEB, WEB.replace('web', 'api')]),
    hbone: 'san-multiple',
    grpc: 'san-multiple',
  },
  'a certificate with another kind of URI': {
    credentials: (issuer) => named(issuer, ['https://mesh.local/ns/default/sa/web']),
    hbone: 'spiffe-id',
    grpc: 'spiffe-id',
  },
  'a certificate of another trust domain': {
    credentials: (issuer) => named(issuer, [WEB.replace('mesh.local', 'other.mesh')]),
    hbone: 'wrong-trust-domain',
    grpc: 'wrong-trust-domain',
  },
};
