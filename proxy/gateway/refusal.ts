import type { EgressErrorCode } from '../egress/egress-error.ts';
import {
  FORWARD_REFUSALS,
  GRPC_STATUS,
  type ForwardRefusal,
  type RefusalAnswer,
} from '../http/forward/refusal.ts';

/** Why a gateway ended a connection that came from outside. A label of a metric: bounded. */
export type ConnectionRefusal =
  | 'too-many-connections'
  | 'client-limit'
  | 'displaced'
  | 'descriptors'
  | 'proxy-header-malformed'
  | 'client-hello-malformed'
  | 'client-hello-late'
  | 'no-route'
  | 'tls-handshake'
  | 'too-many-handshakes'
  | 'record-flood'
  | 'client-certificate';

/** Why a gateway answered a request itself. A label of a metric: bounded. */
export type RequestRefusal =
  | 'malformed'
  | 'too-late'
  | 'headers-too-large'
  | 'body-too-large'
  | 'method-not-allowed'
  | 'unsupported'
  | 'no-route'
  | 'denied'
  | 'no-endpoint'
  | 'descriptors'
  | 'client-limit'
  | 'too-many-requests'
  | 'connect-failed'
  | 'service-failed'
  | 'response-malformed'
  | 'service-late'
  | 'stream-idle';

/** Why a server outside could not be asked: as for any other connection to one. */
export type EgressFailure = Exclude<EgressErrorCode, 'aborted'>;

/** Every reason for which a gateway answers itself. */
export type RequestFailure = RequestRefusal | EgressFailure;

/** A server outside that is not what the policy wants, or does not want us. */
const UNPROVEN = {
  status: 502,
  error: 'tls_certificate_error',
  grpcStatus: GRPC_STATUS.unavailable,
  message: 'the service could not be reached',
} as const;

/** It is not even asked, until an operator has changed something on our side. */
const UNPREPARED = {
  status: 503,
  error: 'proxy_configuration_error',
  grpcStatus: GRPC_STATUS.unavailable,
  message: 'the service cannot be asked now',
} as const;

/** There may be room in a moment. */
const CROWDED = {
  status: 503,
  error: 'connection_limit_reached',
  grpcStatus: GRPC_STATUS.unavailable,
  fields: [['Retry-After', '1']],
} as const;

const REQUEST_ERROR = {
  error: 'http_request_error',
  grpcStatus: GRPC_STATUS.internal,
} as const;

/** What a client is told. */
export const REFUSALS: Readonly<Record<RequestFailure, RefusalAnswer>> = {
  ...(FORWARD_REFUSALS satisfies Record<ForwardRefusal, RefusalAnswer>),
  'no-route': {
    status: 404,
    error: 'destination_not_found',
    grpcStatus: GRPC_STATUS.unimplemented,
    message: 'there is no route for this',
  },
  denied: {
    status: 403,
    error: 'http_request_denied',
    grpcStatus: GRPC_STATUS.permissionDenied,
    message: 'this is not allowed',
  },
  'method-not-allowed': { status: 405, ...REQUEST_ERROR, message: 'the method is not allowed' },
  'headers-too-large': {
    status: 431,
    error: 'http_request_error',
    grpcStatus: GRPC_STATUS.resourceExhausted,
    message: 'the fields are too large',
  },
  unsupported: { status: 501, ...REQUEST_ERROR, message: 'this is not supported' },
  'no-endpoint': {
    status: 503,
    error: 'destination_unavailable',
    grpcStatus: GRPC_STATUS.unavailable,
    message: 'no endpoint of the service is there',
  },
  descriptors: {
    status: 503,
    error: 'connection_limit_reached',
    grpcStatus: GRPC_STATUS.unavailable,
    message: 'there is no room for a connection to the service',
  },
  'client-limit': { ...CROWDED, message: 'too many requests of this client are under way' },
  'too-many-requests': { ...CROWDED, message: 'too many requests wait for the service' },
  unreachable: FORWARD_REFUSALS['connect-failed'],
  handshake: { ...UNPROVEN, error: 'tls_protocol_error' },
  'unknown-ca': UNPROVEN,
  'name-mismatch': UNPROVEN,
  expired: UNPROVEN,
  'not-yet-valid': UNPROVEN,
  'cn-only': UNPROVEN,
  'certificate-invalid': UNPROVEN,
  'client-certificate-wanted': UNPROVEN,
  'client-certificate-rejected': UNPROVEN,
  'no-egress-policy': UNPREPARED,
  'egress-not-allowed': UNPREPARED,
  conflicted: UNPREPARED,
  'needs-gateway': UNPREPARED,
  'ca-unavailable': UNPREPARED,
  'client-key-unavailable': UNPREPARED,
};
