import type { MonotonicMs, Timer } from '../../../common/clock.ts';
import { GRPC_STATUSES } from '../../../common/routes/grpc-statuses.ts';
import {
  formatServicePort,
  type RouteRule,
  type ServicePort,
} from '../../../common/routes/route.ts';
import type { Expiring } from '../../http/forward/deadlines.ts';
import type { ForwardLimits } from '../../http/forward/forward-limits.ts';
import { ForwardedRequest } from '../../http/forward/forwarded-request.ts';
import { isGrpc } from '../../http/forward/own-answer.ts';
import type { ServerExchange } from '../../http/exchange.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import type { Field, RequestHead } from '../../http/message.ts';
import { methodLabel, statusLabel } from '../../metrics/requests/labels.ts';
import type { RequestSpan } from '../../tracing/tracer.ts';
import { openSession, readToken } from '../balance/session.ts';
import { chooseByWeight } from '../balance/weighted-choice.ts';
import { changePath } from '../filters/change-path.ts';
import { drawFault } from '../filters/fault.ts';
import { modifyFields } from '../filters/modify-fields.ts';
import { redirectLocation } from '../filters/redirect.ts';
import type { CompiledEntry } from '../table/compiled-routes.ts';
import type { RoutedService } from '../table/route-set.ts';
import { MirroredExchange } from './mirror.ts';
import { NO_RULE } from './refusal-sentence.ts';
import { injectedFault, rateLimited, routeRefusal } from './refusals.ts';
import { grpcStatusIn, RoutedRequest, type ChosenBackend } from './routed-request.ts';
import type { RouteDependencies } from './route-dependencies.ts';

/** The bytes of a service with routes are bounded by what the route says, and by nothing else, as without one. */
const LIMITS: ForwardLimits = { bodyBytes: Infinity, requestMs: 0, responseMs: 0, idleMs: 0 };

/**
 * One request of the application to a service that has routes, from its head to the end of its answer:
 *
 *     redirect or fault ──────────────────────────> answered here
 *        │ delay
 *        v
 *     backend by session or weight ── limits ─────> 503, 429
 *        v
 *     endpoint by load ── tries, mirrors ─────────> answered by the backend, or by the last refusal
 */
export class ServedRequest implements Expiring {
  sinceMs = 0 as MonotonicMs;
  queuePlace = -1;
  readonly entry: CompiledEntry;
  readonly forwarded: ForwardedRequest;
  readonly #exchange: ServerExchange;
  readonly #mirrored: MirroredExchange | undefined;
  readonly #dependencies: RouteDependencies;
  /** The service that was called, which may be another one than the backend. */
  readonly #target: ServicePort;
  readonly #span: RequestSpan | undefined;
  #chosen: ChosenBackend | undefined;
  #routed: RoutedRequest | undefined;
  #delay: Timer | undefined;

  constructor(
    exchange: ServerExchange,
    { target }: RoutedService,
    entry: CompiledEntry,
    dependencies: RouteDependencies,
  ) {
    const { deadlines, after, tracer } = dependencies;
    this.#target = target;
    this.entry = entry;
    this.#dependencies = dependencies;
    this.#span = tracer?.begin(exchange.request);
    this.#mirrored = entry.mirrors.length > 0 ? new MirroredExchange(exchange) : undefined;
    this.#exchange = this.#mirrored ?? exchange;
    this.forwarded = new ForwardedRequest(this.#exchange, LIMITS, {
      deadlines,
      after,
      done: () => this.#done(),
    });
  }

  /** Answers it, now or later. */
  serve(): void {
    const { rule, match } = this.entry;
    const { request } = this.#exchange;
    const { redirect } = rule.filters;
    if (request.method === 'CONNECT' && request.upgrade === undefined) {
      return this.forwarded.refuse(routeRefusal('not-routable'));
    }
    if (redirect !== undefined) {
      const location: Field = ['Location', redirectLocation(request, redirect, match)];
      return this.forwarded.answer({ status: redirect.statusCode, fields: [location], body: '' });
    }
    const { requestMs = 0 } = rule.timeouts;
    this.#dependencies.deadlines.of(requestMs)?.add(this);
    if (rule.faultInjection === undefined) return this.#send();
    const { metrics, random, after } = this.#dependencies;
    const { delayMs, abort } = drawFault(rule.faultInjection, random);
    const go = (): void => {
      this.#delay = undefined;
      if (abort === undefined) return this.#send();
      metrics.fault(this.entry.name, 'abort');
      this.forwarded.refuse(injectedFault(abort));
    };
    if (delayMs === 0) return go();
    metrics.fault(this.entry.name, 'delay');
    this.#delay = after(delayMs, go);
  }

  /** The time-out of the route is over. */
  expired(): void {
    const late = routeRefusal('route-timeout');
    if (this.#delay === undefined) return this.forwarded.giveUp(late);
    this.#delay.cancel();
    this.forwarded.refuse(late);
  }

  #send(): void {
    const { rule } = this.entry;
    const { deadlines, random, nowS, metrics } = this.#dependencies;
    const chosen = this.#choose();
    if (chosen === undefined) return this.forwarded.refuse(routeRefusal('no-backend'));
    const refusal = this.#admit(chosen);
    if (refusal !== undefined) return this.forwarded.refuse(refusal);
    this.#chosen = chosen;
    const { backend } = chosen;
    backend.active += 1;
    backend.retryBudget.requested();
    const { backendRequestMs = 0 } = rule.timeouts;
    const head = this.#head(chosen);
    this.#mirrored?.begin(head, this.entry, this.#dependencies);
    this.#routed = new RoutedRequest({
      kind: this.entry.kind,
      rule,
      chosen,
      head,
      isGrpc: isGrpc(this.#exchange.request),
      random,
      nowS,
      observer: metrics,
      tryDeadlines: deadlines.of(backendRequestMs),
      onTryLate: () => this.forwarded.giveUpTry(),
    });
    this.forwarded.forward(this.#routed);
  }

  #choose(): ChosenBackend | undefined {
    const { entry } = this;
    const inSession = this.#findSession(entry.rule);
    if (inSession !== undefined) return inSession;
    const { random } = this.#dependencies;
    const backend = chooseByWeight(entry.backends, random)?.backend;
    return backend && { backend, endpoint: undefined, session: undefined };
  }

  #findSession({ sessionPersistence }: RouteRule): ChosenBackend | undefined {
    if (sessionPersistence === undefined) return undefined;
    const { nowS } = this.#dependencies;
    const token = readToken(sessionPersistence, this.#exchange.request.fields);
    if (token === undefined) return undefined;
    for (const { backend, weight } of this.entry.backends) {
      if (weight === 0) continue;
      const found = backend.withToken(sessionPersistence, token);
      if (found === undefined || !backend.isUsable(found)) continue;
      const session = openSession(token, sessionPersistence, found.endpoint.instanceId, nowS());
      if (session !== undefined) return { backend, endpoint: found, session };
    }
    return undefined;
  }

  #admit({ backend }: ChosenBackend): Refusal | undefined {
    if (backend.isFull) return routeRefusal('too-many-requests', `${backend.name} is full`);
    const waitMs = backend.admitMs();
    return waitMs > 0 ? rateLimited(waitMs, backend.name) : undefined;
  }

  /** As the service gets it. */
  #head({ backend }: ChosenBackend): RequestHead {
    const { request } = this.#exchange;
    const { match, rule } = this.entry;
    const { requestHeaders, rewrite } = rule.filters;
    const fields = this.#span?.fields ?? request.fields;
    // A client of HTTP/1.0 may leave out whom it asks; a server of HTTP/1.1 wants to hear it.
    const authority = rewrite?.hostname ?? request.authority ?? backend.target.service;
    if (requestHeaders === undefined && rewrite === undefined) {
      return authority === request.authority && fields === request.fields
        ? request
        : { ...request, authority, fields };
    }
    return {
      ...request,
      authority,
      target:
        rewrite?.path === undefined
          ? request.target
          : changePath(request.target, rewrite.path, match),
      fields: requestHeaders === undefined ? fields : modifyFields(fields, requestHeaders),
    };
  }

  #done(): void {
    const { forwarded } = this;
    const { deadlines, metrics, report } = this.#dependencies;
    this.#delay?.cancel();
    deadlines.of(this.entry.rule.timeouts.requestMs ?? 0)?.delete(this);
    if (forwarded.refusal !== undefined) this.#routed?.gaveNoAnswer();
    this.#routed?.leave();
    const backend = this.#chosen?.backend;
    if (backend !== undefined) backend.active -= 1;
    const { refusal, isGivenUp, status, peer, startedMs } = forwarded;
    const seconds = (deadlines.nowMs() - startedMs) / 1000;
    metrics.served(this.entry.name, {
      status: isGivenUp ? 0 : status,
      refusal: refusal?.reason,
      seconds,
    });
    const grpcStatus = this.#grpcStatus();
    if (peer !== undefined) {
      this.#count(peer, { grpcStatus, isWhole: refusal === undefined && !isGivenUp, seconds });
    }
    if (refusal !== undefined) {
      const service = backend?.name ?? formatServicePort(this.#target);
      report({ service, route: this.entry.name }, refusal);
    }
    this.#span?.ended({
      status: status === 0 ? undefined : status,
      grpcStatus,
      error: refusal?.reason ?? (isGivenUp ? 'client-gone' : undefined),
      peer,
      retries: this.#routed?.retries,
    });
  }

  #grpcStatus(): number | undefined {
    if (!isGrpc(this.#exchange.request)) return undefined;
    const { trailers = [] } = this.forwarded;
    return grpcStatusIn(trailers) ?? this.#routed?.grpcStatus;
  }

  /** As requests are that are seen in connections which are carried as bytes. */
  #count(
    peer: string,
    {
      grpcStatus,
      isWhole,
      seconds,
    }: { grpcStatus: number | undefined; isWhole: boolean; seconds: number },
  ): void {
    const { request } = this.#exchange;
    const { status, requestBytes, responseBytes } = this.forwarded;
    const ofGrpc = grpcStatus === undefined ? undefined : GRPC_STATUSES[grpcStatus];
    const ofHttp = request.version === '2' ? 'http2' : 'http1';
    const { port } = this.#chosen?.backend.target ?? this.#target;
    const sink = this.#dependencies.requestsOf(peer, port);
    sink.ended({
      protocol: isGrpc(request) ? 'grpc' : ofHttp,
      method: methodLabel(request.method),
      status: isWhole ? (ofGrpc ?? statusLabel(status)) : 'incomplete',
      durationSeconds: seconds,
      requestBytes,
      responseBytes,
      responseStatus: status,
      target: sink.wantsTarget ? request.target : undefined,
    });
  }
}

/** Answers a request that no rule of the service is for. */
export function serveRefusal(
  exchange: ServerExchange,
  { target }: RoutedService,
  refusal: Refusal,
  { deadlines, after, metrics, report }: RouteDependencies,
): void {
  const done = ({ status, startedMs, isGivenUp }: ForwardedRequest): void => {
    const seconds = (deadlines.nowMs() - startedMs) / 1000;
    metrics.served(NO_RULE, {
      status: isGivenUp ? 0 : status,
      refusal: refusal.reason,
      seconds,
    });
    report({ service: formatServicePort(target), route: NO_RULE }, refusal);
  };
  new ForwardedRequest(exchange, LIMITS, { deadlines, after, done }).refuse(refusal);
}
