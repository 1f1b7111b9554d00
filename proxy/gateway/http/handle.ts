import type { Logger } from 'pino';
import { describeError } from '../../../common/errors.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { ListenerMetrics } from '../metrics.ts';
import type { RequestFailure } from '../refusal.ts';
import { routeRequest } from '../routes.ts';
import type { Exchange } from './exchange.ts';
import { forward, type ForwardDependencies } from './forward.ts';
import { answerOwn, refusalAnswer, type OwnAnswer } from './refuse.ts';
import { type ForwardedClient, requestFields } from './request-fields.ts';
import { Refused, toRefused } from './refused.ts';
import { upstreamRequestOf } from './upstream-request.ts';
import { carryWebSocket, type WebSocketOptions } from './web-socket.ts';
import type { RequestHead } from './request-head.ts';

/** What handling requests takes. */
export interface HandlerDependencies extends ForwardDependencies {
  readonly routes: readonly HttpRoute[];
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
  await answer(exchange, dependencies, (route) =>
    forward(exchange, { route, client }, dependencies),
  );
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
  const { limits, clients, clock } = dependencies;
  await answer(exchange, dependencies, async (route) => {
    const upstream = upstreamRequestOf(route, exchange.head, dependencies);
    if (upstream === undefined) throw new Refused('no-route');
    const { responseSeconds = limits.responseSeconds } = route;
    const { streamIdleSeconds = limits.streamIdleSeconds } = route;
    return await carryWebSocket(exchange, {
      ...end,
      ...upstream,
      clients,
      fields: requestFields(exchange.head, client),
      clock,
      responseMs: responseSeconds * 1000,
      idleSeconds: streamIdleSeconds,
      onIdle: () => report(exchange, 'stream-idle', undefined, dependencies),
    });
  });
}

/** Finds the route, and sees to it that there is an answer, which is counted. */
async function answer(
  exchange: Exchange,
  dependencies: HandlerDependencies,
  carry: (route: HttpRoute) => Promise<number>,
): Promise<void> {
  const { metrics, clock, routes } = dependencies;
  const { head } = exchange;
  const startedMs = clock.monotonicMs();
  const answered = (status: number): void =>
    metrics.answered(status, (clock.monotonicMs() - startedMs) / 1000);
  try {
    const route = routeRequest(routes, head.host, head.path);
    if (route === undefined) throw new Refused('no-route');
    if (route.requestRedirect === undefined) return answered(await carry(route));
    const redirect = redirectAnswer(head, route.requestRedirect);
    if (redirect === undefined) throw new Refused('malformed');
    answerOwn(exchange, redirect);
    answered(redirect.status);
  } catch (error) {
    if (exchange.closed.aborted) return;
    const { reason } = toRefused(error);
    report(exchange, reason, error, dependencies);
    if (exchange.answered) return exchange.abort();
    const own = refusalAnswer(reason);
    answerOwn(exchange, own);
    answered(own.status);
  }
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
  const line = { event: 'request-refused', listener: name, reason, host: exchange.head.host };
  logger.warn(line, `a request to ${name} was refused (${reason})${detail}`);
}

/** The port that `https` means when none is said. */
const HTTPS_PORT = 443;

/** Sends a client to the same place over TLS; undefined when it did not say which host it wants. */
function redirectAnswer(
  { host, target }: RequestHead,
  { port, statusCode }: NonNullable<HttpRoute['requestRedirect']>,
): OwnAnswer | undefined {
  if (host === undefined || target === '*') return undefined;
  const authority = port === HTTPS_PORT ? host : `${host}:${port}`;
  return {
    status: statusCode,
    fields: [
      ['Location', `https://${authority}${target}`],
      ['Content-Length', '0'],
    ],
    body: '',
    close: false,
  };
}
