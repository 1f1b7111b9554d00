import type { MonotonicMs, Timer } from '../../../common/clock.ts';
import type { RouteRule } from '../../../common/routes/route.ts';
import type { Expiring } from '../../http/forward/deadlines.ts';
import { ForwardedRequest, type ForwardLimits } from '../../http/forward/forwarded-request.ts';
import { isGrpc } from '../../http/forward/own-answer.ts';
import type { ServerExchange } from '../../http/exchange.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import type { Field, RequestHead } from '../../http/message.ts';
import type { RequestSpan } from '../../tracing/tracer.ts';
import { openSession, readToken } from '../balance/session.ts';
import { chooseByWeight } from '../balance/weighted-choice.ts';
import { changePath } from '../filters/change-path.ts';
import { drawFault } from '../filters/fault.ts';
import { modifyFields } from '../filters/modify-fields.ts';
import { redirectLocation } from '../filters/redirect.ts';
import type { CompiledEntry } from '../table/compiled-routes.ts';
import { MirroredExchange } from './mirror.ts';
import { injectedFault, rateLimited, routeRefusal } from './refusals.ts';
import { RoutedRequest, type ChosenBackend } from './routed-request.ts';
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
  readonly entry: CompiledEntry;
  readonly forwarded: ForwardedRequest;
  readonly #exchange: ServerExchange;
  readonly #mirrored: MirroredExchange | undefined;
  readonly #dependencies: RouteDependencies;
  readonly #span: RequestSpan | undefined;
  #chosen: ChosenBackend | undefined;
  #routed: RoutedRequest | undefined;
  #delay: Timer | undefined;

  constructor(exchange: ServerExchange, entry: CompiledEntry, dependencies: RouteDependencies) {
    const { deadlines, after, tracer } = dependencies;
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
    if (rule.faultInjection === undefined) return this.#send();
    const { metrics, random, after } = this.#dependencies;
    const { delayMs, abort } = drawFault(rule.faultInjection, random);
    const go = (): void => {
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
    this.forwarded.giveUp(routeRefusal('route-timeout'));
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
    const { requestMs = 0, backendRequestMs = 0 } = rule.timeouts;
    deadlines.of(requestMs)?.add(this);
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
    const token = readToken(sessionPersistence, this.#exchange.request.fields);
    if (token === undefined) return undefined;
    const nowS = this.#dependencies.nowS();
    for (const { backend, weight } of this.entry.backends) {
      if (weight === 0) continue;
      const found = backend.withToken(sessionPersistence, token);
      if (found === undefined || !backend.isUsable(found)) continue;
      const session = openSession(token, sessionPersistence, found.endpoint.instanceId, nowS);
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
    const isCutShort = forwarded.refusal !== undefined && forwarded.respondedMs !== undefined;
    if (isCutShort) this.#routed?.cutShort();
    this.#routed?.leave();
    const backend = this.#chosen?.backend;
    if (backend !== undefined) backend.active -= 1;
    const { refusal, isGivenUp, status, peer, startedMs } = forwarded;
    metrics.served(this.entry.name, backend?.name, {
      status: isGivenUp ? 0 : status,
      refusal: refusal?.reason,
      seconds: (deadlines.nowMs() - startedMs) / 1000,
    });
    if (refusal !== undefined) report(this.entry, backend, refusal);
    this.#span?.ended({
      status: status === 0 ? undefined : status,
      error: refusal?.reason ?? (isGivenUp ? 'client-gone' : undefined),
      peer,
      retries: this.#routed?.retries,
    });
  }
}
