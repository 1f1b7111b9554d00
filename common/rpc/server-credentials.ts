import { createSecureContext } from 'node:tls';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { ServerCredentials } from '@grpc/grpc-js';
import { describeError, translating } from '../errors.ts';
import { certificateName } from '../pki/certificate-name.ts';
import { isIssuedBy } from '../pki/issued-by.ts';
import { secureContextOptions } from '../pki/tls-options.ts';
import { tryHandshake } from '../tls/try-handshake.ts';
import { RpcError } from './rpc-error.ts';

/** A client that has not finished its handshake by then is only holding a socket. */
const HANDSHAKE_TIMEOUT_MS = 5_000;

/** The certificate of a server, and the roots that it trusts. */
export interface ServerIdentity {
  readonly privateKey: KeyObject;
  /**
   * Leaf first, then the issuer, and **the root last**: a sidecar that enrols knows only the root's
   * digest, so the server has to show it the root itself (`pinRoot` compares it).
   */
  readonly chain: readonly X509Certificate[];
  /**
   * Cross-signatures, for callers who know only a former root: each signed by the root of the next
   * one, the first over the root of the chain.
   */
  readonly crossSignatures?: readonly X509Certificate[];
  /** Shown to sidecars that enrol with the digest of one of them. */
  readonly formerRoots?: readonly X509Certificate[];
  /** Client certificates that lead to none of these are untrusted. */
  readonly roots: readonly X509Certificate[];
}

/**
 * gRPC server credentials whose certificate can be changed while the server runs: TLS 1.3 only, no
 * tickets. A client certificate is asked for but not insisted on, so that first contact (one-way
 * TLS) and renewal (mutual TLS) share a port: **handlers must look at `callerOf`**.
 *
 * New connections use what was loaded last; connections that are open live on.
 */
export class HotServerCredentials extends ServerCredentials {
  /** @throws RpcError `credentials-invalid` */
  constructor(identity: ServerIdentity) {
    const handshakeTimeout = HANDSHAKE_TIMEOUT_MS;
    super({ requestCert: true, rejectUnauthorized: false, handshakeTimeout }, validated(identity));
  }

  /**
   * Takes another certificate, or other roots, into use for new connections, once a handshake with
   * ourselves has been made with them.
   *
   * @throws RpcError `credentials-invalid`; the one before stays in use then
   */
  async reload(identity: ServerIdentity): Promise<void> {
    const options = validated(identity);
    try {
      await tryHandshake({ server: options, client: options });
    } catch (cause) {
      throw invalid('a certificate that a handshake can be made with', describeError(cause), cause);
    }
    this.updateSecureContextOptions(options);
  }

  /** Two of them are never the same: each reloads by itself. */
  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

// grpc-js drops every new connection after it was given options that OpenSSL does not take: whatever
// goes in has to have been tried before.
function validated(identity: ServerIdentity): ReturnType<typeof secureContextOptions> {
  const [leaf] = identity.chain;
  const root = identity.chain.at(-1);
  if (leaf === undefined || root === undefined) throw invalid('a certificate chain', 'none');
  if (!leaf.checkPrivateKey(identity.privateKey)) {
    throw invalid('the private key of the certificate', 'another one');
  }
  for (const [index, certificate] of identity.chain.entries()) {
    const issuer = identity.chain[index + 1] ?? certificate;
    if (isIssuedBy(certificate, issuer)) continue;
    const gap = `a gap after ${certificateName(certificate)}`;
    throw invalid('a chain from the leaf up to the root', gap);
  }
  const { crossSignatures = [], formerRoots = [] } = identity;
  // OpenSSL takes the first that fits, and from a root that the caller does not trust there is no way
  // on: what vouches for it has to come before it.
  const chain = [...identity.chain.slice(0, -1), ...crossSignatures, root, ...formerRoots];
  const options = secureContextOptions({ ...identity, chain });
  translating(
    () => createSecureContext(options),
    (cause) => invalid('a certificate that OpenSSL accepts', 'one that it refuses', cause),
  );
  return options;
}

function invalid(expected: string, got: string, cause?: unknown): RpcError {
  const sentence = `server credentials need ${expected}, got ${got}`;
  return new RpcError('credentials-invalid', sentence, { cause });
}
