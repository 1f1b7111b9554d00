import { constants, type KeyObject, type X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { toPem } from './pem.ts';

/**
 * How every TLS connection of the mesh is made. `setSecureContext` resets what it is not given: pass
 * the full set every time, which `secureContextOptions` does.
 *
 * No tickets, and clients never pass a session: a resumed TLS 1.3 session keeps the identity of the
 * ticket, even one that has expired, and no check runs again.
 */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ecdhCurve: 'X25519MLKEM768:X25519',
  secureOptions: constants.SSL_OP_NO_TICKET,
} as const satisfies SecureContextOptions;

/** The full set of options for a secure context with these credentials and these roots. */
export function secureContextOptions(credentials: {
  readonly privateKey: KeyObject;
  /** Leaf first, then the issuers, without the root. */
  readonly chain: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
}): SecureContextOptions {
  return {
    ...TLS_OPTIONS,
    key: credentials.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem(credentials.chain),
    ca: credentials.roots.map((root) => root.toString()),
  };
}
