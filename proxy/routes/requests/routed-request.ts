import type { MonotonicMs } from '../../../common/clock.ts';
import type { Route, RouteRule, SessionPersistence } from '../../../common/routes/route.ts';
import { valueOf } from '../../http/fields/field-values.ts';
import { FieldNames } from '../../http/fields/identity-fields.ts';
import type {
  AfterTry,
  FailedTry,
  ForwardRoute,
  ForwardTarget,
} from '../../http/forward/forward-route.ts';
import type { DeadlineQueue, Expiring } from '../../http/forward/deadlines.ts';
import { refusalOf } from '../../http/forward/direct-route.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import { isIdempotent } from '../../http/idempotent.ts';
import type { Field, RequestHead, ResponseHead } from '../../http/message.ts';
import type { BackendEndpoint, SpokenVersion } from '../balance/backend-endpoint.ts';
import type { Backend } from '../balance/backend.ts';
import { sessionField, type Session } from '../balance/session.ts';
import { modifyFields } from '../filters/modify-fields.ts';
import { routeRefusal, unconnected } from './refusals.ts';
import { afterTry, retryPauseMs, type RetryReason } from '../retry/after-try.ts';

/** A backend that was chosen for a request, and the endpoint that its session is at. */
export interface ChosenBackend {
  readonly backend: Backend;
  readonly endpoint: BackendEndpoint | undefined;
  readonly session: Session | undefined;
}

/** What a routed request is made from. */
export interface RoutedRequestOptions {
  readonly kind: Route['kind'];
  readonly rule: Pick<RouteRule, 'filters' | 'retry' | 'sessionPersistence'>;
  readonly chosen: ChosenBackend;
  /** As the service gets it. */
  readonly head: RequestHead;
  readonly isGrpc: boolean;
  readonly random: () => number;
  /** Unix time. */
  readonly nowS: () => number;
  readonly observer: RoutedRequestObserver;
  /** Of one try; undefined for none. */
  readonly tryDeadlines: DeadlineQueue | undefined;
  /** The try that is under way takes too long. */
  readonly onTryLate: () => void;
}

/** Counts what happens to requests. */
export interface RoutedRequestObserver {
  retried(backend: Backend, reason: RetryReason): void;
  /** A retry that the rules allow, and the budget does not. */
  overBudget(backend: Backend): void;
  ejected(backend: Backend): void;
}

/** Tries that no application has seen are made so often for one request, and no more: the whole fleet may be down. */
const MAX_FREE_TRIES = 4;

/** gRPC's status codes that stand for a failure of the server: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const FAILED_GRPC: ReadonlySet<number> = new Set([2, 4, 13, 14, 15]);

const NO_FIELDS = new FieldNames([]);

/** Sends one request to a backend: to which endpoint, and again where that is safe or where the route says so. */
export class RoutedRequest implements ForwardRoute, Expiring {
  sinceMs = 0 as MonotonicMs;
  queuePlace = -1;
  readonly keepsBody: boolean;
  /** The application is no client from outside: what it says of itself goes on. */
  readonly identityFields = NO_FIELDS;
  readonly #options: RoutedRequestOptions;
  readonly #backend: Backend;
  readonly #version: SpokenVersion;
  #endpoint: BackendEndpoint | undefined;
  /** Where the session is, for the first try. */
  #first: BackendEndpoint | undefined;
  #tried: Set<BackendEndpoint> | undefined;
  #freeTries = 0;
  #retries = 0;
  /** The budget has granted the retry that is about to be made. */
  #isGranted = false;

  constructor(options: RoutedRequestOptions) {
    const { chosen, head, rule } = options;
    this.#options = options;
    this.#backend = chosen.backend;
    this.#first = chosen.endpoint;
    this.#version = chosen.backend.versionFor(head);
    this.keepsBody =
      rule.retry !== undefined || this.#version === 'http2' || isIdempotent(head.method);
  }

  /** What `grpc-status` of the answer's head said, which is all of the answer then. */
  grpcStatus: number | undefined;

  get retries(): number {
    return this.#retries + this.#freeTries;
  }

  next(): ForwardTarget | Refusal {
    const endpoint = this.#first ?? this.#backend.choose(this.#tried);
    this.#first = undefined;
    if (endpoint === undefined) return routeRefusal('no-endpoint', this.#backend.name);
    this.#endpoint = endpoint;
    endpoint.active += 1;
    this.#options.tryDeadlines?.add(this);
    return { upstream: endpoint.upstream(this.#version), head: this.#options.head };
  }

  afterTry(failed: FailedTry, isRepeatable: boolean): AfterTry {
    const { kind, head, rule, observer } = this.#options;
    const endpoint = this.leave();
    const isDenied = failed.kind === 'unsent' && unconnected(failed.error).reason === 'denied';
    if (!isDenied && endpoint !== undefined) this.#judge(endpoint, failed);
    const { next, reason } = afterTry(failed, head.method, kind, rule.retry);
    const refuse = (): AfterTry => ({ kind: 'refuse', refusal: this.#refusalOf(failed) });
    // A refusal by policy is the same everywhere.
    if (next === 'final' || !isRepeatable || isDenied) return refuse();
    if (next === 'free') {
      if (this.#freeTries >= MAX_FREE_TRIES) return refuse();
      this.#freeTries += 1;
      observer.retried(this.#backend, reason);
      return { kind: 'again', afterMs: 0 };
    }
    if (!this.#isGranted && !this.#mayRetry()) return refuse();
    this.#isGranted = false;
    const afterMs = retryPauseMs(rule.retry ?? NO_PAUSE, this.#retries, this.#options.random);
    this.#retries += 1;
    observer.retried(this.#backend, reason);
    return { kind: 'again', afterMs };
  }

  passes(head: ResponseHead, isRepeatable: boolean): ResponseHead | undefined {
    const { isGrpc, kind, rule } = this.#options;
    const grpcStatus = isGrpc ? grpcStatusIn(head.fields) : undefined;
    this.grpcStatus = grpcStatus;
    const answered = { kind: 'answered', head } as const;
    const endpoint = this.#endpoint;
    if (endpoint !== undefined && !isFailure(head.status, grpcStatus)) {
      this.#backend.succeeded(endpoint);
    }
    const isBad = afterTry(answered, this.#options.head.method, kind, rule.retry).next === 'retry';
    if (isBad && isRepeatable && this.#mayRetry()) {
      this.#isGranted = true;
      return undefined;
    }
    if (endpoint !== undefined && isFailure(head.status, grpcStatus)) this.#fail(endpoint);
    return this.#passedHead(head);
  }

  /** It is at no endpoint any more; @returns where it was */
  leave(): BackendEndpoint | undefined {
    const endpoint = this.#endpoint;
    this.#endpoint = undefined;
    if (endpoint === undefined) return undefined;
    endpoint.active -= 1;
    this.#options.tryDeadlines?.delete(this);
    return endpoint;
  }

  expired(): void {
    this.#options.onTryLate();
  }

  /** The endpoint that it is at gave no whole answer, or not in time. */
  gaveNoAnswer(): void {
    if (this.#endpoint !== undefined) this.#fail(this.#endpoint);
  }

  #mayRetry(): boolean {
    const { rule, observer } = this.#options;
    if (rule.retry === undefined || this.#retries >= rule.retry.attempts) return false;
    if (this.#backend.retryBudget.take()) return true;
    observer.overBudget(this.#backend);
    return false;
  }

  #judge(endpoint: BackendEndpoint, failed: FailedTry): void {
    const isPolite =
      failed.kind === 'failed' &&
      (failed.failure.kind === 'refused' || failed.failure.kind === 'stale');
    if (isPolite) return;
    this.#tried ??= new Set();
    this.#tried.add(endpoint);
    this.#fail(endpoint);
  }

  #fail(endpoint: BackendEndpoint): void {
    if (this.#backend.failed(endpoint)) this.#options.observer.ejected(this.#backend);
  }

  #refusalOf(failed: FailedTry): Refusal {
    return failed.kind === 'late' ? routeRefusal('route-timeout') : refusalOf(failed, unconnected);
  }

  #passedHead(head: ResponseHead): ResponseHead {
    const { responseHeaders } = this.#options.rule.filters;
    const session = this.#sessionField(this.#options.rule.sessionPersistence);
    if (responseHeaders === undefined && session === undefined) return head;
    const fields =
      responseHeaders === undefined ? head.fields : modifyFields(head.fields, responseHeaders);
    return { ...head, fields: session === undefined ? fields : [...fields, session] };
  }

  #sessionField(settings: SessionPersistence | undefined): Field | undefined {
    const endpoint = this.#endpoint;
    if (settings === undefined || endpoint === undefined) return undefined;
    const { chosen, nowS } = this.#options;
    const session = endpoint === chosen.endpoint ? chosen.session : undefined;
    const { instanceId } = endpoint.endpoint;
    return sessionField(settings, session, { instanceId, nowS: nowS() });
  }
}

const NO_PAUSE = { backoffMs: 0 };

/** Of an answer that is a head only (gRPC over HTTP/2, "Trailers-Only"). */
export function grpcStatusIn(fields: readonly Field[]): number | undefined {
  const value = valueOf(fields, 'grpc-status');
  return value === undefined ? undefined : Number(value);
}

function isFailure(status: number, grpcStatus: number | undefined): boolean {
  return status >= 500 || (grpcStatus !== undefined && FAILED_GRPC.has(grpcStatus));
}
