import { status } from '@grpc/grpc-js';
import { HauberkError } from '../errors.ts';

/**
 * Why a server of the mesh refused a call, with the gRPC status for clients that know only that. Reasons
 * travel in the `hauberk-reason` trailer and are labels of metrics: public API.
 */
export const REFUSAL_STATUS = {
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
  'dashboard-not-served': status.FAILED_PRECONDITION,
  'rate-limited': status.RESOURCE_EXHAUSTED,
  'sidecar-unavailable': status.FAILED_PRECONDITION,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
} as const satisfies Record<string, status>;

/** One of the reasons above. */
export type Refusal = keyof typeof REFUSAL_STATUS;

/** True for one of the reasons above. */
export function isRefusal(reason: string): reason is Refusal {
  return Object.hasOwn(REFUSAL_STATUS, reason);
}

/** All of them. */
export const REFUSALS = Object.keys(REFUSAL_STATUS).filter(isRefusal);

/** Why a call did not reach a server of the mesh, or why its answer was not accepted. */
export const CONNECTION_FAILURES = [
  'unreachable', // No connection: refused, no route, unknown name, or closed before TLS began.
  'tls', // Both sides could not agree on TLS.
  'server-untrusted', // The server's certificate does not come from a trusted root, or is outside its validity.
  'server-identity', // The server's certificate is trusted but names another identity.
  'timeout', // No answer in time.
  'cancelled', // The caller gave up.
  'protocol', // The answer is not one that this version understands.
  'credentials-invalid', // The key, the chain and the roots that were given do not belong together.
] as const;

/** One of them. */
export type ConnectionFailure = (typeof CONNECTION_FAILURES)[number];

/** Every way in which a call can fail. */
export type RpcErrorCode = Refusal | ConnectionFailure;

/** Thrown by `common/rpc`, on the side of the caller. */
export class RpcError extends HauberkError<RpcErrorCode> {
  /** The server's clock when it refused, in milliseconds since the epoch, when it said so. */
  serverTimeMs: number | undefined;
  /** How long the server asked the caller to wait, when it did. */
  retryAfterMs: number | undefined;
}

const PASSING: ReadonlySet<RpcErrorCode> = new Set<RpcErrorCode>([
  'unreachable',
  'timeout',
  'cancelled',
  'rate-limited',
  'unavailable',
  'internal',
]);

/** A server that asks for more than this is not trusted: it may be wrong, or no longer there. */
const MOST_ASKED_MS = 60_000;

/** How long to wait at least before the next try: as long as the server asked for, within reason. */
export function askedToWaitMs(error: unknown): number {
  return error instanceof RpcError ? Math.min(error.retryAfterMs ?? 0, MOST_ASKED_MS) : 0;
}

/** True for a failure that may go away by itself; false for a decision that a retry cannot change. */
export function isPassing(code: RpcErrorCode): boolean {
  return PASSING.has(code);
}

/** What says nothing about who was called: the caller gave up, or has nothing to call with. */
const OWN: ReadonlySet<RpcErrorCode> = new Set<RpcErrorCode>(['cancelled', 'credentials-invalid']);

/**
 * True for a failure of the server that was called, or of the way to it, or when it is not the one that was meant: another
 * control plane may answer. False for what a control plane has decided about the caller, which the others decide alike.
 */
export function isAboutServer(error: unknown): boolean {
  if (!(error instanceof RpcError) || OWN.has(error.code)) return false;
  // A server that is not ours shows other roots than the token expects.
  return isPassing(error.code) || !isRefusal(error.code) || error.code === 'token-wrong-root';
}
