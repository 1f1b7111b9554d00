import { status } from '@grpc/grpc-js';
import { HauberkError } from '../../common/errors.ts';
import { MeshConfigError } from '../../common/mesh-config/mesh-config-error.ts';
import { JoinTokenError } from '../../common/pki/join-token-error.ts';
import { PkiError } from '../../common/pki/pki-error.ts';
import { rpcError, type StatusError } from '../../common/rpc/reason.ts';
import type { Refusal } from '../../common/rpc/rpc-error.ts';
import { CaError } from '../ca/ca-error.ts';
import { FederationError } from '../federation/federation-error.ts';
import { MeshConfigStoreError } from '../policy/mesh-config-error.ts';
import { RegistryError } from '../registry/registry-error.ts';
import { OperatorError } from '../operators/operator-error.ts';
import { RevocationError } from '../revocation/revocation-error.ts';
import { StoreError } from '../store/store-error.ts';
import { TokenError } from '../tokens/token-error.ts';
import { RateLimited } from './rate-limited.ts';
import { RequestError } from './request-error.ts';

/** The gRPC status that goes with a reason, for clients that know only that. */
const STATUS: Record<Refusal, status> = {
  'token-malformed': status.INVALID_ARGUMENT,
  'token-wrong-root': status.UNAUTHENTICATED,
  'token-unknown': status.UNAUTHENTICATED,
  'token-expired': status.UNAUTHENTICATED,
  'token-revoked': status.UNAUTHENTICATED,
  'token-used-up': status.UNAUTHENTICATED,
  'token-wrong-identity': status.PERMISSION_DENIED,
  'csr-malformed': status.INVALID_ARGUMENT,
  'csr-key-unsupported': status.INVALID_ARGUMENT,
  'csr-signature': status.INVALID_ARGUMENT,
  'certificate-missing': status.UNAUTHENTICATED,
  'certificate-untrusted': status.UNAUTHENTICATED,
  'certificate-expired': status.UNAUTHENTICATED,
  'certificate-revoked': status.PERMISSION_DENIED,
  'signing-certificate': status.UNAUTHENTICATED,
  'operator-renewal-over': status.PERMISSION_DENIED,
  'identity-revoked': status.PERMISSION_DENIED,
  'identity-mismatch': status.PERMISSION_DENIED,
  'spiffe-id': status.INVALID_ARGUMENT,
  'san-missing': status.UNAUTHENTICATED,
  'san-multiple': status.UNAUTHENTICATED,
  'wrong-trust-domain': status.PERMISSION_DENIED,
  'lifetime-out-of-range': status.INVALID_ARGUMENT,
  'request-malformed': status.INVALID_ARGUMENT,
  'instance-taken': status.PERMISSION_DENIED,
  'instance-replaced': status.ABORTED,
  'not-found': status.NOT_FOUND,
  'rotation-under-way': status.FAILED_PRECONDITION,
  'rotation-not-abortable': status.FAILED_PRECONDITION,
  'root-key-elsewhere': status.FAILED_PRECONDITION,
  'upstream-issuer-unusable': status.INVALID_ARGUMENT,
  'upstream-root-changed': status.FAILED_PRECONDITION,
  'issuer-not-requested': status.FAILED_PRECONDITION,
  'issuer-from-files': status.FAILED_PRECONDITION,
  'root-unusable': status.INVALID_ARGUMENT,
  'root-in-use': status.FAILED_PRECONDITION,
  'federation-invalid': status.INVALID_ARGUMENT,
  'federation-unavailable': status.FAILED_PRECONDITION,
  'config-invalid': status.INVALID_ARGUMENT,
  'config-conflict': status.ABORTED,
  'config-from-file': status.FAILED_PRECONDITION,
  'rate-limited': status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
};

/** What the caller is told. */
export interface RefusalAnswer {
  readonly reason: Refusal;
  readonly error: StatusError;
}

/**
 * Translates whatever a handler threw into what the caller is told. Of errors that are not refusals
 * nothing leaves the control plane but the fact.
 */
export function toRefusal(error: unknown, nowMs: number): RefusalAnswer {
  const reason = reasonFor(error);
  const known = error instanceof HauberkError && reason !== 'internal';
  const sentence = known ? error.message : 'the control plane failed; its log has the reason';
  const hint = known ? error.hint : undefined;
  const retryAfterMs = error instanceof RateLimited ? error.retryAfterMs : undefined;
  return {
    reason,
    error: rpcError(STATUS[reason], reason, sentence, { hint, serverTimeMs: nowMs, retryAfterMs }),
  };
}

function reasonFor(error: unknown): Refusal {
  if (error instanceof RequestError || error instanceof JoinTokenError) return error.code;
  if (error instanceof TokenError) return tokenReason(error);
  if (error instanceof PkiError) return pkiReason(error);
  if (error instanceof RegistryError) return registryReason(error);
  if (error instanceof MeshConfigError) return 'config-invalid';
  if (error instanceof MeshConfigStoreError) {
    return error.code === 'config-version-unknown' ? 'not-found' : error.code;
  }
  if (error instanceof CaError) return caReason(error);
  if (error instanceof FederationError) return federationReason(error);
  if (error instanceof RevocationError) return revocationReason(error);
  if (error instanceof OperatorError) return error.code;
  if (error instanceof StoreError) return error.code === 'invalid' ? 'internal' : 'unavailable';
  return 'internal';
}

function caReason({ code }: CaError): Refusal {
  switch (code) {
    case 'authority-busy':
      return 'unavailable';
    case 'root-unknown':
      return 'not-found';
    case 'trust-domain-changed':
    case 'authority-corrupt':
      return 'internal';
    case 'upstream-issuer-unusable':
    case 'upstream-root-changed':
    case 'issuer-not-requested':
    case 'issuer-from-files':
    case 'root-unusable':
    case 'root-in-use':
    case 'rotation-under-way':
    case 'rotation-not-abortable':
    case 'root-key-elsewhere':
      return code;
  }
}

function tokenReason({ code }: TokenError): Refusal {
  switch (code) {
    case 'token-busy':
      return 'unavailable';
    case 'token-not-found':
      return 'not-found';
    case 'token-invalid':
      return 'request-malformed';
    case 'token-wrong-root':
    case 'token-unknown':
    case 'token-revoked':
    case 'token-expired':
    case 'token-used-up':
    case 'token-wrong-identity':
      return code;
  }
}

function pkiReason({ code }: PkiError): Refusal {
  switch (code) {
    case 'authority-expired':
      return 'unavailable';
    case 'certificate-malformed':
    case 'key-mismatch':
      return 'internal';
    case 'spiffe-id':
    case 'san-missing':
    case 'san-multiple':
    case 'signing-certificate':
    case 'csr-malformed':
    case 'csr-key-unsupported':
    case 'csr-signature':
      return code;
  }
}

function revocationReason({ code }: RevocationError): Refusal {
  switch (code) {
    case 'identity-revoked':
    case 'certificate-revoked':
      return code;
    case 'revocation-not-found':
    case 'identity-unknown':
      return 'not-found';
    case 'revocation-invalid':
      return 'request-malformed';
    case 'readmitted-just-now':
    case 'revocation-busy':
      return 'unavailable';
  }
}

function federationReason({ code }: FederationError): Refusal {
  return code === 'federation-unknown' ? 'not-found' : code;
}

function registryReason({ code }: RegistryError): Refusal {
  switch (code) {
    case 'instance-taken':
      return code;
    case 'too-many-instances':
      return 'rate-limited';
    case 'registry-busy':
      return 'unavailable';
  }
}
