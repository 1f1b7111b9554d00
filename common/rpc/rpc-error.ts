import { HauberkError } from '../errors.ts';

/**
 * Why a server of the mesh refused a call. They travel in the `hauberk-reason` trailer and are
 * labels of metrics: public API.
 */
export const REFUSALS = [
  'token-malformed',
  'token-wrong-root',
  'token-unknown',
  'token-expired',
  'token-revoked',
  'token-used-up',
  'token-wrong-identity',
  'csr-malformed',
  'csr-key-unsupported',
  'csr-signature',
  'certificate-missing',
  'certificate-untrusted',
  'certificate-expired',
  'certificate-revoked',
  'signing-certificate',
  'operator-renewal-over',
  'identity-revoked',
  'identity-mismatch',
  'spiffe-id',
  'san-missing',
  'san-multiple',
  'wrong-trust-domain',
  'lifetime-out-of-range',
  'request-malformed',
  'instance-taken',
  'instance-replaced',
  'not-found',
  'rotation-under-way',
  'rotation-not-abortable',
  'root-key-elsewhere',
  'upstream-issuer-unusable',
  'upstream-root-changed',
  'issuer-not-requested',
  'issuer-from-files',
  'root-unusable',
  'root-in-use',
  'federation-invalid',
  'federation-unavailable',
  'config-invalid',
  'config-conflict',
  'config-from-file',
  'rate-limited',
  'unavailable',
  'internal',
] as const;

/** One of the reasons above. */
export type Refusal = (typeof REFUSALS)[number];

/** Why a call did not reach a server of the mesh, or why its answer was not accepted. */
export type ConnectionFailure =
  /** No connection: refused, no route, unknown name, or closed before TLS began. */
  | 'unreachable'
  /** Both sides could not agree on TLS. */
  | 'tls'
  /** The server's certificate does not come from a trusted root, or is outside its validity. */
  | 'server-untrusted'
  /** The server's certificate is trusted but names another identity. */
  | 'server-identity'
  /** No answer in time. */
  | 'timeout'
  /** The caller gave up. */
  | 'cancelled'
  /** The answer is not one that this version understands. */
  | 'protocol'
  /** The key, the chain and the roots that were given do not belong together. */
  | 'credentials-invalid';

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
