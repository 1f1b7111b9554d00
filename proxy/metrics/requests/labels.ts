/** How a request was carried; label `protocol`. A call of gRPC is one of HTTP/2, and counted as `grpc` only. */
export const PROTOCOLS = ['http1', 'http2', 'grpc'] as const;

/** One of `PROTOCOLS`. */
export type RequestProtocol = (typeof PROTOCOLS)[number];

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

/** The status codes of gRPC, by number. */
export const GRPC_STATUSES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** One of `GRPC_STATUSES`. */
export type GrpcStatus = (typeof GRPC_STATUSES)[number];

/**
 * How a request ended; label `status`. A class of HTTP's status codes, `incomplete` where the response was cut
 * short or never came, or for gRPC its status code.
 */
export const STATUSES = [
  '1xx',
  '2xx',
  '3xx',
  '4xx',
  '5xx',
  'incomplete',
  ...GRPC_STATUSES,
] as const;

/** One of `STATUSES`. */
export type StatusLabel = (typeof STATUSES)[number];

const METHOD_LABELS: ReadonlyMap<string, MethodLabel> = new Map(
  METHODS.map((method) => [method, method]),
);

/** The label of a method. */
export function methodLabel(method: string): MethodLabel {
  return METHOD_LABELS.get(method) ?? 'other';
}

/** The label of a status code of HTTP, from 100 to 599. */
export function statusLabel(status: number): StatusLabel {
  return STATUSES[Math.floor(status / 100) - 1] ?? 'incomplete';
}
