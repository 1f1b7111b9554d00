import type { Logger } from 'pino';
import { KeyedBuckets } from '../../../common/keyed-buckets.ts';
import type { Rate } from '../../../common/rate-limit.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import type { Guard } from '../../../common/guard.ts';
import type { ProtocolRefusal, ServerExchange } from '../../http/exchange.ts';
import {
  isAmbiguous,
  readRequestTarget,
  type RequestTarget,
} from '../../http/fields/request-target.ts';
import { Deadlines } from '../../http/forward/deadlines.ts';
import { DirectRoute } from '../../http/forward/direct-route.ts';
import type { ForwardLimits } from '../../http/forward/forward-limits.ts';
import { ForwardedRequest } from '../../http/forward/forwarded-request.ts';
import type { Refusal } from '../../http/forward/refusal.ts';
import type { RequestHead } from '../../http/message.ts';
import type { Tracer } from '../../tracing/tracer.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { HttpLimits } from '../config/limits.ts';
import type { ListenerMetrics } from '../metrics.ts';
import type { RequestFailure } from '../refusal.ts';
import { routeRequest } from '../routes.ts';
import type { Services } from '../services.ts';
import type { RequestLog } from './access-log.ts';
import { CompiledRoute } from './compiled-route.ts';
import { redirectAnswer } from './redirect.ts';
import { type RequestOwner, ServedRequest } from './served-request.ts';
import { refused, toRefusal } from './to-refusal.ts';
import type { Upstreams } from './upstreams.ts';

/** What handling the requests of a listener takes. */
export interface RequestHandlerOptions {
  readonly routes: readonly HttpRoute[];
  readonly limits: HttpLimits;
  readonly scheme: 'http' | 'https';
  readonly upstreams: Upstreams;
  readonly services: Pick<Services, 'egressPolicyOf'>;
  readonly namespace: string;
  readonly clock: MonotonicClock;
  readonly guard: Guard;
  readonly logger: Logger;
  readonly mayLog: () => boolean;
  /** The name of the listener. */
  readonly name: string;
  readonly metrics: ListenerMetrics;
  readonly requestLog: RequestLog | undefined;
  readonly tracer: Tracer | undefined;
}

/** Methods that make a connection something else, or that show a client what was added on the way. */
const NOT_ALLOWED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE']);

/**
 * Requests that one client may give up before the end of their answers, over all of its connections: each is a reset for the
 * service, or a connection to it that was begun in vain. Far more than browsers that leave pages.
 */
const GIVEN_UP: Rate = { burst: 1_000, perSecond: 100 };

/** Answers requests: by the service that a route leads to, or by itself. */
export class RequestHandler {
  readonly #options: RequestHandlerOptions;
  readonly #routes: readonly CompiledRoute[];
  readonly #deadlines: Deadlines;
  readonly #givenUp: KeyedBuckets;
  /** Of requests that have no route. */
  readonly #limits: ForwardLimits;

  constructor(options: RequestHandlerOptions) {
    const { routes, limits, upstreams, namespace, services, clock } = options;
    const { egressPolicyOf } = services;
    this.#options = options;
    this.#routes = routes.map(
      (route) => new CompiledRoute(route, { upstreams, limits, namespace, egressPolicyOf }),
    );
    this.#deadlines = new Deadlines(clock);
    this.#givenUp = new KeyedBuckets(clock, GIVEN_UP);
    this.#limits = {
      bodyBytes: limits.bodyBytes,
      requestMs: limits.requestSeconds * 1000,
      responseMs: limits.responseSeconds * 1000,
      idleMs: limits.streamIdleSeconds * 1000,
    };
  }

  /** Sees to it that the request is answered, counted and logged. */
  handle(owner: RequestOwner, exchange: ServerExchange): void {
    const head = exchange.request;
    const target = readRequestTarget(head);
    const route = target && routeRequest(this.#routes, target.host, target.path);
    const served = new ServedRequest(owner, {
      route,
      deadlines: this.#deadlines,
      after: this.#after,
      refused: this.#refused,
      done: this.#done,
    });
    const request = new ForwardedRequest(exchange, route?.limits ?? this.#limits, served);
    const refusal = this.#judge(head, target, route);
    if (refusal !== undefined) return request.refuse(refusal);
    if (route === undefined || target === undefined) return;
    const { redirect, upstream } = route;
    if (redirect !== undefined) {
      const own = redirectAnswer(target, head.target, redirect);
      return own === undefined ? request.refuse(refused('malformed')) : request.answer(own);
    }
    if (upstream === undefined) return request.refuse(refused('no-route'));
    if (owner.share !== undefined && this.#givenUp.left(owner.share.holder) < 1) {
      return request.refuse(refused('client-limit', 'its client gives up too many requests'));
    }
    const { tracer, scheme } = this.#options;
    served.span = tracer?.begin({ ...head, scheme });
    const fields = route.fieldsOf(served.span?.fields ?? head.fields, scheme, owner.client);
    const forwardTarget = { upstream, head: route.headOf(head, fields), share: owner.share };
    request.forward(new DirectRoute(forwardTarget, toRefusal, route.identityFields));
  }

  /** What was refused before it was a request. */
  refused(
    { client }: Pick<RequestOwner, 'client'>,
    { reason, status, sentence }: ProtocolRefusal,
  ): void {
    const { metrics, requestLog } = this.#options;
    metrics.requestRefused(reason);
    if (status !== 0) metrics.answered(status, 0);
    this.#report({ reason, cause: sentence, client: client.address });
    requestLog?.refused({ client: client.address, status, reason });
  }

  #judge(
    head: RequestHead,
    target: RequestTarget | undefined,
    route: CompiledRoute | undefined,
  ): Refusal | undefined {
    if (NOT_ALLOWED.has(head.method)) return refused('method-not-allowed');
    if (target === undefined) return refused('malformed', 'expected a host and a plain path');
    if (route === undefined) return refused('no-route');
    const { host, path } = target;
    const matches = (other: string): boolean => routeRequest(this.#routes, host, other) === route;
    return isAmbiguous(path, route.pathPrefix, matches)
      ? refused('malformed', 'expected a path that can be read in one way only')
      : undefined;
  }

  readonly #after = (delayMs: number, callback: () => void): void => {
    this.#options.clock.after(delayMs, callback);
  };

  readonly #refused = (request: ForwardedRequest, { reason, cause }: Refusal): void => {
    this.#options.guard.run('gateway', () => {
      const { authority } = request.exchange.request;
      this.#options.metrics.requestRefused(reason as RequestFailure);
      this.#report({ reason, cause, host: authority });
    });
  };

  readonly #done = (served: ServedRequest, request: ForwardedRequest): void => {
    this.#options.guard.run('gateway', () => {
      const { share } = served.owner;
      if (share !== undefined && request.isTakenBack) this.#charge(share.holder);
      served.owner.ended();
      this.#count(served, request);
    });
  };

  /** Not beyond ten seconds of the rate: neighbours behind the same address have to wait for that as well. */
  #charge(holder: string): void {
    if (this.#givenUp.left(holder) > -GIVEN_UP.burst) this.#givenUp.owe(holder, 1);
  }

  #count(served: ServedRequest, request: ForwardedRequest): void {
    const { metrics, requestLog } = this.#options;
    const { refusal, status, isGivenUp } = request;
    const durationMs = this.#deadlines.nowMs() - request.startedMs;
    if (!isGivenUp && !request.isCutShort) metrics.answered(status, durationMs / 1000);
    served.span?.ended({
      status: isGivenUp ? undefined : status,
      error: refusal?.reason,
      peer: request.peer,
      retries: Math.max(request.tries - 1, 0),
    });
    requestLog?.served(served, request, durationMs);
  }

  #report({
    reason,
    cause,
    ...keys
  }: {
    readonly reason: string;
    readonly cause: unknown;
    readonly host?: string | undefined;
    readonly client?: string;
  }): void {
    const { logger, mayLog, name } = this.#options;
    if (!mayLog()) return;
    const said = typeof cause === 'string' ? cause : describeError(cause);
    const detail = cause === undefined ? '' : `: ${said}`;
    const line = { event: 'request-refused', listener: name, reason, ...keys };
    logger.warn(line, `a request to ${name} was refused (${reason})${detail}`);
  }
}
