import type { GrpcStatus } from '../../../common/routes/grpc-statuses.ts';

/** How a request was carried; label `protocol`. A call of gRPC is one of HTTP/2, and counted as `grpc` only. */
export type RequestProtocol = 'http1' | 'http2' | 'grpc';

/** Methods with a label of their own (RFC 9110 section 9, RFC 5789); all others share `other`. */
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
  'other',
] as const;

/** One of `METHODS`. */
export type MethodLabel = (typeof METHODS)[number];

/** Classes of the status codes of HTTP (RFC 9110 section 15). */
const STATUS_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/**
 * How a request ended; label `status`. A class of HTTP's status codes, `incomplete` where the response was cut
 * short or never came, or for gRPC its status code.
 */
export type StatusLabel = (typeof STATUS_CLASSES)[number] | 'incomplete' | GrpcStatus;

const METHOD_LABELS: ReadonlyMap<string, MethodLabel> = new Map(
  METHODS.map((method) => [method, method]),
);

/** The label of a method. */
export function methodLabel(method: string): MethodLabel {
  return METHOD_LABELS.get(method) ?? 'other';
}

/** The label of a status code of HTTP; what is none is no response. */
export function statusLabel(status: number): StatusLabel {
  return STATUS_CLASSES[Math.floor(status / 100) - 1] ?? 'incomplete';
}
