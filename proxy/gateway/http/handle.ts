import type { Logger } from 'pino';
import type { Clock, Timer } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import { pump } from '../bridge.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { HttpLimits } from '../config/limits.ts';
import type { ListenerMetrics } from '../metrics.ts';
import type { RequestFailure } from '../refusal.ts';
import { routeRequest } from '../routes.ts';
import type { HostOutside } from '../service.ts';
import type { Exchange, ServiceAnswer, ServiceRequest } from './exchange.ts';
import { redirectAnswer } from './redirect.ts';
import { answerOwn, refusalAnswer } from './refuse.ts';
import { type ForwardedClient, requestFields } from './request-fields.ts';
import { Refused, toRefused } from './refused.ts';
import type { RequestHead } from './request-head.ts';
import { hostOf, type HttpDestination, type ServiceClients } from './service-clients.ts';
import { carryWebSocket, type WebSocketOptions } from './web-socket.ts';

/** What handling requests takes. */
export interface HandlerDependencies {
  readonly routes: readonly HttpRoute[];
  readonly limits: HttpLimits;
  readonly clients: ServiceClients;
  readonly hostOutside: HostOutside;
  readonly namespace: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mayLog: () => boolean;
  /** The name of the listener. */
  readonly name: string;
  readonly metrics: ListenerMetrics;
}

/** Answers a request: by the service that its route leads to, or by itself. Never rejects. */
export async function handle(
  exchange: Exchange,
  client: ForwardedClient,
  dependencies: HandlerDependencies,
): Promise<void> {
  const { metrics, clock, limits, routes } = dependencies;
  const startedMs = clock.now();
  const answered = (status: number): void =>
    metrics.answered(status, (clock.now() - startedMs) / 1000);
  try {
    const { head } = exchange;
    const route = routeRequest(routes, head.host, head.path);
    if (route === undefined) throw new Refused('no-route');
    if (route.requestRedirect !== undefined) {
      const answer = redirectAnswer(head, route.requestRedirect);
      if (answer === undefined) throw new Refused('malformed');
      answerOwn(exchange, answer);
      return answered(answer.status);
    }
    if ((head.contentLength ?? 0) > limits.bodyBytes) throw new Refused('body-too-large');
    answered(await forward(exchange, { route, client }, dependencies));
  } catch (error) {
    if (exchange.closed.aborted) return;
    const { reason } = toRefused(error);
    report(exchange, reason, error, dependencies);
    if (exchange.answered) return exchange.abort();
    const answer = refusalAnswer(reason);
    answerOwn(exchange, answer);
    answered(answer.status);
  }
}

/** The client's end of what is to become a WebSocket. */
export type WebSocketEnd = Pick<WebSocketOptions, 'socket' | 'leftover' | 'reset'>;

/** Carries a WebSocket to the service that its route leads to, until it has ended. Never rejects. */
export async function handleWebSocket(
  exchange: Exchange,
  client: ForwardedClient,
  end: WebSocketEnd,
  dependencies: HandlerDependencies,
): Promise<void> {
  const { routes, limits, clients, metrics, clock } = dependencies;
  const startedMs = clock.now();
  const { head } = exchange;
  try {
    const route = routeRequest(routes, head.host, head.path);
    const way = route === undefined ? undefined : wayOf(route, head, dependencies);
    if (route === undefined || way === undefined) throw new Refused('no-route');
    const { responseSeconds = limits.responseSeconds } = route;
    const { streamIdleSeconds = limits.streamIdleSeconds } = route;
    const status = await carryWebSocket(exchange, {
      ...end,
      ...way,
      clients,
      fields: requestFields(head, client),
      clock,
      responseMs: responseSeconds * 1000,
      idleSeconds: streamIdleSeconds,
      onIdle: () => report(exchange, 'stream-idle', undefined, dependencies),
    });
    metrics.answered(status, (clock.now() - startedMs) / 1000);
  } catch (error) {
    if (exchange.closed.aborted || end.socket.destroyed) return;
    const { reason } = toRefused(error);
    report(exchange, reason, error, dependencies);
    if (exchange.answered) return end.reset();
    answerOwn(exchange, refusalAnswer(reason));
  }
}

interface Way {
  readonly route: HttpRoute;
  readonly client: ForwardedClient;
}

/** Where a route leads to, and what is asked there; undefined when it leads nowhere. */
function wayOf(
  { backend, preserveHost }: HttpRoute,
  head: RequestHead,
  { namespace, hostOutside }: Pick<HandlerDependencies, 'namespace' | 'hostOutside'>,
): { readonly destination: HttpDestination; readonly head: RequestHead } | undefined {
  if (backend === undefined) return undefined;
  if (!('outside' in backend)) {
    return { destination: { ...backend, namespace: backend.namespace ?? namespace }, head };
  }
  const destination = backend.outside;
  const policy = hostOutside(destination);
  const own = hostOf({ ...destination, host: policy?.hostname ?? destination.host });
  const keeps = preserveHost ?? policy?.preserveHost ?? true;
  // A client of HTTP/1.0 may leave out whom it asks.
  const authority = keeps ? (head.authority ?? own) : own;
  return { destination, head: { ...head, authority } };
}

/** Carries the request to the service and its answer back. @returns the status */
async function forward(
  exchange: Exchange,
  { route, client }: Way,
  dependencies: HandlerDependencies,
): Promise<number> {
  const { clients, limits, clock } = dependencies;
  const { appProtocol, responseSeconds = limits.responseSeconds, streamIdleSeconds } = route;
  const way = wayOf(route, exchange.head, dependencies);
  if (way === undefined) throw new Refused('no-route');
  const { destination, head } = way;
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {});
  let timer: Timer | undefined;
  const waitForAnswer = (): void => {
    if (responseSeconds === 0) return;
    timer = clock.after(responseSeconds * 1000, () => late.reject(new Refused('service-late')));
  };
  let request: ServiceRequest | undefined;
  const giveUp = (): void => {
    late.reject(new Error('the client has gone'));
    request?.abort();
  };
  exchange.closed.addEventListener('abort', giveUp, { once: true });
  const onBodyLate = (): void => late.reject(new Refused('too-late'));
  exchange.bodyLate?.addEventListener('abort', onBodyLate, { once: true });
  try {
    const sending = clients.send({ destination, appProtocol }, head, requestFields(head, client));
    // One that comes too late is given up when it comes.
    sending.then(
      (sent) => (exchange.closed.aborted ? sent.abort() : undefined),
      () => {},
    );
    request = await Promise.race([sending, late.promise]);
    const body = sendBody(exchange, request, limits.bodyBytes);
    // However long the client takes for its body, the service's time begins after it.
    let isSent = false;
    void body.sent.then(() => {
      isSent = true;
      waitForAnswer();
    });
    const answer = await Promise.race([request.answer, body.failed, late.promise]);
    timer?.cancel();
    await Promise.race([passAnswer(exchange, answer, streamIdleSeconds), body.failed]);
    // The service did not want to hear the rest, and may not read it any more.
    if (!isSent) request.abort();
    return answer.status;
  } catch (error) {
    request?.abort();
    throw toRefused(error);
  } finally {
    timer?.cancel();
    exchange.closed.removeEventListener('abort', giveUp);
  }
}

/**
 * Starts to send the body; `sent` resolves when nothing more of it comes, `failed` rejects when the client sends more than it may, and never
 * resolves. A service that stops reading has usually answered already: its answer decides.
 */
function sendBody(
  exchange: Exchange,
  request: ServiceRequest,
  maxBytes: number,
): { readonly sent: Promise<void>; readonly failed: Promise<never> } {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {});
  if (request.body === undefined) {
    exchange.body.resume();
    return { sent: Promise.resolve(), failed };
  }
  let bytes = 0;
  const inspect = (chunk: Buffer): void => {
    exchange.moved();
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Refused('body-too-large');
  };
  const sent = pump(exchange.body, request.body, inspect).then(
    () => request.endBody(exchange.trailers()),
    (error: unknown) => {
      if (error instanceof Refused) reject(error);
      // Whatever is still to come is of no use to anybody, but must not block the connection.
      else exchange.body.resume();
    },
  );
  return { sent, failed };
}

async function passAnswer(
  exchange: Exchange,
  answer: ServiceAnswer,
  idleSeconds: number | undefined,
): Promise<void> {
  const { status, fields, body, finalTrailers } = answer;
  const ended = answer.ended || isBodyless(exchange.head.method, status);
  const out = exchange.answer({ ...answer, fields, ended, idleSeconds });
  if (ended) {
    body.resume();
    return;
  }
  await pump(body, out, () => exchange.moved());
  exchange.finish(finalTrailers());
}

/** RFC 9110 section 6.4.1 */
function isBodyless(method: string, status: number): boolean {
  return method === 'HEAD' || status === 204 || status === 304;
}

function report(
  exchange: Exchange,
  reason: RequestFailure,
  error: unknown,
  { metrics, logger, mayLog, name }: HandlerDependencies,
): void {
  metrics.requestRefused(reason);
  if (!mayLog()) return;
  const cause = error instanceof Refused ? error.cause : error;
  const detail = cause === undefined ? '' : `: ${describeError(cause)}`;
  const line = { event: 'request-refused', name, reason, host: exchange.head.host };
  logger.warn(line, `a request to ${name} was refused (${reason})${detail}`);
}
