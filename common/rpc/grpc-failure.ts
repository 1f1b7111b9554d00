import { status, type ServiceError } from '@grpc/grpc-js';
import { readRefusal } from './reason.ts';
import { openSslReason } from './openssl-reason.ts';
import { RpcError, type ConnectionFailure } from './rpc-error.ts';

/** What grpc-js says, as text only, when OpenSSL did not trust the server's certificate. */
const UNTRUSTED =
  /self-signed certificate|unable to (?:get|verify)|certificate (?:has expired|is not yet valid|signature|chain|revoked)|unsuitable certificate|invalid CA|UNABLE_TO_|CERT_/i;
/** A port that is published for a server that is not up yet closes before the first byte of TLS. */
const CLOSED_EARLY = /before secure TLS connection|ECONNRESET|Socket closed|EPIPE/i;
const TLS = /ERR_SSL|SSL routines|wrong version number|handshake failure|alert/i;

/** True for the errors that grpc-js produces. */
function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'metadata' in error && 'details' in error && 'code' in error;
}

/**
 * Translates what a call of grpc-js failed with.
 *
 * @param target how to name the server in the sentence, e.g. `the control plane at cp:15012`
 */
export function toRpcError(error: unknown, target: string): RpcError {
  if (error instanceof RpcError) return error;
  if (!isServiceError(error)) {
    return new RpcError('protocol', `${target} could not be called`, { cause: error });
  }
  const { reason, hint, serverTimeMs, retryAfterMs } = readRefusal(error);
  if (reason !== undefined) {
    const sentence = error.details || `${target} refused the call`;
    const refused = new RpcError(reason, sentence, { cause: error, hint });
    return Object.assign(refused, { serverTimeMs, retryAfterMs });
  }
  const code = failureOf(error);
  const sentence = `${target} ${SENTENCE[code]} (${innermostCause(error.details)})`;
  return new RpcError(code, sentence, { cause: error, hint: HINT[code] });
}

function failureOf({ code, details }: ServiceError): ConnectionFailure {
  if (code === status.DEADLINE_EXCEEDED) return 'timeout';
  if (code === status.CANCELLED) return 'cancelled';
  if (code !== status.UNAVAILABLE) return 'protocol';
  if (CLOSED_EARLY.test(details)) return 'unreachable';
  if (UNTRUSTED.test(details)) return 'server-untrusted';
  return TLS.test(details) ? 'tls' : 'unreachable';
}

/**
 * The one thing that matters of what grpc-js wraps around it: `No connection established. Last error: Error: connect
 * ECONNREFUSED 127.0.0.1:1 (2030-01-01T00:00:00.000Z). Resolution note: `.
 */
export function innermostCause(details: string): string {
  const inner = details
    .replace(/^.*Last error: (?:Error: )?/s, '')
    .replace(/\. Resolution note: $/, '')
    .replace(/ \(\d{4}-[-\dT:.]+Z\)$/, '')
    .trim();
  return openSslReason(inner);
}

const SENTENCE: Record<ConnectionFailure, string> = {
  unreachable: 'cannot be reached',
  tls: 'does not speak TLS 1.3 as expected',
  'server-untrusted': 'shows a certificate that is not trusted',
  'server-identity': 'shows the certificate of another identity',
  timeout: 'did not answer in time',
  cancelled: 'did not answer before the call was cancelled',
  protocol: 'gave an answer that no Hauberk control plane gives',
  'credentials-invalid': 'cannot be called with these credentials',
};

const HINT: Partial<Record<ConnectionFailure, string>> = {
  unreachable: 'check that it runs and that its keys are unlocked, and the address and the port',
  tls: 'check that the port is the gRPC port of a control plane',
  'server-untrusted':
    'check that it is the control plane of this mesh, and the clocks of both hosts; when its root was ' +
    'replaced after a theft, a sidecar that was disconnected enrols with a new join token, in a new state directory',
  'server-identity': 'check that it is the control plane of this mesh',
  protocol: 'check that the port is the gRPC port of a control plane',
};
