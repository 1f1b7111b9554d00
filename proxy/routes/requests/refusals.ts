import type { FaultAbort } from '../../../common/routes/route.ts';
import { errorCode, describeError } from '../../../common/errors.ts';
import { CrowdedError, LATE } from '../../http/upstream/upstream.ts';
import {
  GRPC_STATUS,
  refusal,
  type Refusal,
  type RefusalAnswer,
} from '../../http/forward/refusal.ts';

const UNAVAILABLE = { grpcStatus: GRPC_STATUS.unavailable } as const;

/** What may become of a request at a service that has routes, besides what may of any request that is forwarded. */
const ROUTE_REFUSALS = {
  'not-routable': {
    status: 501,
    error: 'http_request_error',
    grpcStatus: GRPC_STATUS.unimplemented,
    message: 'CONNECT has no route',
  },
  'ambiguous-path': {
    status: 400,
    error: 'http_request_error',
    grpcStatus: GRPC_STATUS.internal,
    message: 'servers read this path in several ways',
  },
  'no-match': {
    status: 404,
    error: 'destination_not_found',
    grpcStatus: GRPC_STATUS.unimplemented,
    message: 'no rule of the routes is for this request',
  },
  'no-backend': {
    status: 500,
    error: 'proxy_configuration_error',
    ...UNAVAILABLE,
    message: 'the rule of the route has no backend with a weight',
  },
  'no-endpoint': {
    status: 503,
    error: 'destination_unavailable',
    ...UNAVAILABLE,
    message: 'no sidecar serves this backend',
  },
  denied: {
    status: 403,
    error: 'http_request_denied',
    grpcStatus: GRPC_STATUS.permissionDenied,
    message: 'the policy of the service does not allow this caller',
  },
  'too-many-requests': {
    status: 503,
    error: 'connection_limit_reached',
    ...UNAVAILABLE,
    message: 'too many requests are under way to this backend',
  },
  'rate-limited': {
    status: 429,
    error: 'http_request_denied',
    grpcStatus: GRPC_STATUS.resourceExhausted,
    message: 'more requests in a short time than this backend may be sent',
  },
  'connect-late': {
    status: 504,
    error: 'connection_timeout',
    ...UNAVAILABLE,
    message: 'there was no connection to the backend in time',
  },
  'route-timeout': {
    status: 504,
    error: 'http_response_timeout',
    grpcStatus: GRPC_STATUS.deadlineExceeded,
    message: 'the time-out of the route was over before the answer was complete',
  },
} as const satisfies Record<string, RefusalAnswer>;

/** Why a request at a service that has routes was not answered by a backend. */
export type RouteRefusal = keyof typeof ROUTE_REFUSALS;

/** Every reason for which a request at a service that has routes is not answered by a backend, or not to the end. */
export const REQUEST_REFUSALS: readonly string[] = [
  ...Object.keys(ROUTE_REFUSALS),
  'fault',
  'service-failed',
  'connect-failed',
  'response-malformed',
];

/** A refusal for one of the reasons that only routes have. */
export function routeRefusal(reason: RouteRefusal, cause?: unknown): Refusal {
  return { reason, answer: ROUTE_REFUSALS[reason], cause };
}

/** The rate limit is reached; the client is told when to come back (RFC 9110 section 10.2.3). */
export function rateLimited(retryAfterMs: number, backend: string): Refusal {
  const answer: RefusalAnswer = {
    ...ROUTE_REFUSALS['rate-limited'],
    fields: [['Retry-After', String(Math.ceil(retryAfterMs / 1000))]],
  };
  return { reason: 'rate-limited', answer, cause: `the rate limit of ${backend} is reached` };
}

/** The answer that a route injects on purpose. */
export function injectedFault({ httpStatus, grpcStatus }: FaultAbort): Refusal {
  const answer: RefusalAnswer = {
    status: httpStatus,
    error: 'http_request_denied',
    grpcStatus: grpcStatus ?? grpcStatusFor(httpStatus),
    message: 'fault injected by the route',
  };
  return { reason: 'fault', answer, cause: undefined };
}

/** What it means for a request that there was no connection to an endpoint. */
export function unconnected(error: unknown): Refusal {
  const code = errorCode(error);
  if (code === 'denied' || code === 'no-endpoint') return routeRefusal(code, error);
  if (error instanceof CrowdedError) return routeRefusal('too-many-requests', error);
  if (code === 'timeout' || error === LATE) return routeRefusal('connect-late', error);
  return refusal('connect-failed', describeError(error));
}

/** gRPC's own table ("HTTP to gRPC Status Code Mapping"). */
function grpcStatusFor(status: number): number {
  switch (status) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}
