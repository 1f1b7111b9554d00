import type { ExchangeFailure } from '../exchange.ts';
import type { Field } from '../message.ts';

/** The error types of RFC 9209 section 2.3 that are said here. */
export type ProxyStatusError =
  | 'destination_not_found'
  | 'destination_unavailable'
  | 'connection_refused'
  | 'connection_terminated'
  | 'connection_timeout'
  | 'connection_limit_reached'
  | 'tls_certificate_error'
  | 'tls_protocol_error'
  | 'http_request_error'
  | 'http_request_denied'
  | 'http_protocol_error'
  | 'http_response_timeout'
  | 'proxy_configuration_error'
  | 'proxy_internal_error';

/** Status codes of gRPC that are said here. */
export const GRPC_STATUS = {
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** What a client is told of a request that was not answered by a service. */
export interface RefusalAnswer {
  readonly status: number;
  readonly error: ProxyStatusError;
  /** A code of gRPC: one of `GRPC_STATUS`, or what a route injects. */
  readonly grpcStatus: number;
  /** For gRPC, which shows it to people. It tells clients outside nothing of what is behind us. */
  readonly message: string;
  /** Besides those that every answer has. */
  readonly fields?: readonly Field[];
}

const REQUEST_ERROR = {
  error: 'http_request_error',
  grpcStatus: GRPC_STATUS.internal,
} as const;

/** What may become of any request that is forwarded, and what its client is told. */
export const FORWARD_REFUSALS = {
  malformed: { status: 400, ...REQUEST_ERROR, message: 'malformed request' },
  'too-late': {
    status: 408,
    error: 'http_request_error',
    grpcStatus: GRPC_STATUS.deadlineExceeded,
    message: 'the request did not arrive in time',
  },
  'body-too-large': {
    status: 413,
    error: 'http_request_error',
    grpcStatus: GRPC_STATUS.resourceExhausted,
    message: 'the request is too large',
  },
  'service-failed': {
    status: 502,
    error: 'connection_terminated',
    grpcStatus: GRPC_STATUS.unavailable,
    message: 'the service broke off',
  },
  'connect-failed': {
    status: 502,
    error: 'connection_refused',
    grpcStatus: GRPC_STATUS.unavailable,
    message: 'the service could not be reached',
  },
  'response-malformed': {
    status: 502,
    error: 'http_protocol_error',
    grpcStatus: GRPC_STATUS.internal,
    message: 'the service sent a malformed answer',
  },
  'service-late': {
    status: 504,
    error: 'http_response_timeout',
    grpcStatus: GRPC_STATUS.deadlineExceeded,
    message: 'the service did not answer in time',
  },
  // Never said: the answer has begun by then, and is broken off.
  'stream-idle': {
    status: 504,
    error: 'http_response_timeout',
    grpcStatus: GRPC_STATUS.deadlineExceeded,
    message: 'nothing moved any more',
  },
} as const satisfies Record<string, RefusalAnswer>;

/** Why a request was not forwarded, or not to its end. */
export type ForwardRefusal = keyof typeof FORWARD_REFUSALS;

/** Why a request ended without the whole answer of a service. */
export interface Refusal {
  /** A code for logs and metrics. */
  readonly reason: string;
  readonly answer: RefusalAnswer;
  /** For the log: an error, or a sentence. */
  readonly cause: unknown;
  /** What the service's RST_STREAM said, where that was the end of it. */
  readonly resetCode?: number;
}

/** A refusal for one of the reasons that any request may have. */
export function refusal(reason: ForwardRefusal, cause?: unknown): Refusal {
  return { reason, answer: FORWARD_REFUSALS[reason], cause };
}

/**
 * A refusal because the service has broken its answer off.
 *
 * @param brokenBy is what TLS has said of it, which is more than HTTP could
 */
export function serviceBrokeOff(
  { kind, sentence, resetCode }: ExchangeFailure,
  brokenBy?: unknown,
): Refusal {
  const reason = kind === 'malformed' ? 'response-malformed' : 'service-failed';
  const why = refusal(reason, brokenBy ?? sentence);
  return kind === 'reset' && resetCode !== undefined ? { ...why, resetCode } : why;
}
