import type { PathMatch } from './path-match.ts';

/** A service of the mesh and one of its ports. */
export interface ServicePort {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/**
 * What callers' sidecars do with the HTTP requests for some services: HTTPRoute and GRPCRoute of the Gateway API
 * v1, as they are for a mesh (GEP-1426).
 */
export interface Route {
  readonly kind: 'http' | 'grpc';
  /** Unique among all routes; what logs and commands call it. */
  readonly name: string;
  /** The services whose requests it takes, as the application calls them; at least one. */
  readonly parents: readonly ServicePort[];
  /** At least one. */
  readonly rules: readonly RouteRule[];
}

/** What becomes of the requests that match. */
export interface RouteRule {
  /** Empty where the document gives none. */
  readonly name: string;
  /** A request that fits any of them is the rule's; at least one. */
  readonly matches: readonly RouteMatch[];
  readonly filters: RouteFilters;
  /** Where requests go; none: to the parent itself, unless the rule redirects. */
  readonly backends: readonly WeightedBackend[];
  readonly timeouts: RouteTimeouts;
  /** Absent: only what is safe to send again is sent again. */
  readonly retry?: RouteRetry | undefined;
  readonly sessionPersistence?: SessionPersistence | undefined;
  readonly faultInjection?: FaultInjection | undefined;
}

/** Conditions that a request must meet, all of them; without any, every request does. */
export interface RouteMatch {
  readonly path?: PathMatch | undefined;
  /** Of a gRPC route, instead of a path. */
  readonly grpcMethod?: GrpcMethodMatch | undefined;
  /** Case-sensitive (RFC 9110 section 9.1). */
  readonly method?: string | undefined;
  /** Names in lower case. */
  readonly headers: readonly NamedValue[];
  readonly queryParams: readonly NamedValue[];
}

/** A gRPC method, by its service, its name or both. */
export interface GrpcMethodMatch {
  /** With its package, as in `shop.Orders`. */
  readonly service?: string | undefined;
  readonly method?: string | undefined;
}

/** A field or a query parameter, and what it must be or becomes. */
export interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** A backend and its share: its weight of the sum of all weights. One with weight 0 gets nothing. */
export interface WeightedBackend extends ServicePort {
  readonly weight: number;
}

/** What is done to a request and its response. */
export interface RouteFilters {
  readonly requestHeaders?: HeaderModifier | undefined;
  readonly responseHeaders?: HeaderModifier | undefined;
  /** The answer; no backend is asked. */
  readonly redirect?: RequestRedirect | undefined;
  readonly rewrite?: UrlRewrite | undefined;
  readonly mirrors: readonly RequestMirror[];
}

/** What happens to fields. Names are in lower case, and each is in one of the lists only. */
export interface HeaderModifier {
  /** Replaces all fields of the name. */
  readonly set: readonly NamedValue[];
  readonly add: readonly NamedValue[];
  readonly remove: readonly string[];
}

/** What a path becomes. */
export type PathModifier =
  | { readonly type: 'ReplaceFullPath'; readonly value: string }
  /** For the prefix that the rule's one match has. */
  | { readonly type: 'ReplacePrefixMatch'; readonly value: string };

/** Where a client is sent; what is absent stays as it is in the request. */
export interface RequestRedirect {
  readonly scheme?: 'http' | 'https' | undefined;
  readonly hostname?: string | undefined;
  readonly path?: PathModifier | undefined;
  /** Absent: the well-known port of `scheme` where that is given, and otherwise the request's. */
  readonly port?: number | undefined;
  readonly statusCode: number;
}

/** What the backend is asked for instead. */
export interface UrlRewrite {
  /** The authority. */
  readonly hostname?: string | undefined;
  readonly path?: PathModifier | undefined;
}

/** A copy of requests, whose answers count for nothing. */
export interface RequestMirror extends ServicePort {
  /** How many of all, from 0 to 100. */
  readonly percent: number;
}

/** GEP-1742. 0: none. */
export interface RouteTimeouts {
  /** From the whole request's head to the whole response, all tries together. */
  readonly requestMs?: number | undefined;
  /** Of one try. */
  readonly backendRequestMs?: number | undefined;
}

/** Which answers are not the last word (GEP-1731). Within the backend's retry budget. */
export interface RouteRetry {
  /** Of an HTTP route: status codes. Of a gRPC route: numbers of gRPC codes. */
  readonly codes: readonly number[];
  /** Tries besides the first. */
  readonly attempts: number;
  /** Before the first of them; doubles with each further one. */
  readonly backoffMs: number;
}

/** Requests of one session go to one endpoint (GEP-1619). */
export interface SessionPersistence {
  readonly type: 'Cookie' | 'Header';
  /** The name of the cookie or field, of a field in lower case. */
  readonly sessionName: string;
  readonly absoluteTimeoutMs?: number | undefined;
  readonly idleTimeoutMs?: number | undefined;
  /** Permanent: the cookie carries Max-Age, which is the absolute timeout. */
  readonly cookieLifetime: 'Session' | 'Permanent';
}

/** Failures made on purpose. Percentages are from 0 to 100. */
export interface FaultInjection {
  readonly delay?: { readonly fixedDelayMs: number; readonly percentage: number } | undefined;
  readonly abort?: FaultAbort | undefined;
}

/** The answer instead of the backend's. */
export interface FaultAbort {
  /** To a gRPC request without a `grpcStatus`, the code that stands for it. */
  readonly httpStatus: number;
  readonly grpcStatus?: number | undefined;
  readonly percentage: number;
}

/** `SERVICE.NAMESPACE:PORT`, as people write it; also a key, which nothing else has. */
export function formatServicePort({ service, namespace, port }: ServicePort): string {
  return `${service}.${namespace}:${port}`;
}
