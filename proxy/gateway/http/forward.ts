import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import { mayReject } from '../../../common/ignored.ts';
import { pump } from '../bridge.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { HttpLimits } from '../config/limits.ts';
import type { Exchange, ServiceAnswer, ServiceRequest } from './exchange.ts';
import { type ForwardedClient, requestFields } from './request-fields.ts';
import { Refused, toRefused } from './refused.ts';
import type { ServiceClients } from './service-clients.ts';
import { upstreamRequestOf, type UpstreamRequestDependencies } from './upstream-request.ts';

/** What carrying a request takes. */
export interface ForwardDependencies extends UpstreamRequestDependencies {
  readonly clients: ServiceClients;
  readonly limits: HttpLimits;
  readonly clock: MonotonicClock;
}

/** Where a request leads, and who asks. */
export interface Routed {
  readonly route: HttpRoute;
  readonly client: ForwardedClient;
}

/**
 * Carries the request to the service and its answer back.
 *
 * @returns the status, when the answer is complete. Throws `Refused`.
 */
export async function forward(
  exchange: Exchange,
  { route, client }: Routed,
  dependencies: ForwardDependencies,
): Promise<number> {
  const { clients, limits, clock } = dependencies;
  const { appProtocol, responseSeconds = limits.responseSeconds, streamIdleSeconds } = route;
  const upstream = upstreamRequestOf(route, exchange.head, dependencies);
  if (upstream === undefined) throw new Refused('no-route');
  const { destination, head } = upstream;
  if ((head.contentLength ?? 0) > limits.bodyBytes) throw new Refused('body-too-large');
  const late = Promise.withResolvers<never>();
  mayReject(late.promise);
  let timer: Timer | undefined;
  let isOver = false;
  const waitForAnswer = (): void => {
    if (responseSeconds === 0 || isOver) return;
    timer = clock.after(responseSeconds * 1000, () => late.reject(new Refused('service-late')));
  };
  let request: ServiceRequest | undefined;
  const giveUp = (): void => {
    late.reject(new Error('the client has disconnected'));
    request?.abort();
  };
  exchange.closed.addEventListener('abort', giveUp, { once: true });
  if (exchange.closed.aborted) giveUp();
  const { bodyLate } = exchange;
  const onBodyLate = (): void => late.reject(bodyLate?.reason);
  bodyLate?.addEventListener('abort', onBodyLate, { once: true });
  try {
    const sending = clients.send({ destination, appProtocol }, head, requestFields(head, client));
    // One that comes too late is given up when it comes.
    sending.then(
      (sent) => {
        request = sent;
        if (isOver) sent.abort();
      },
      () => {},
    );
    const started = await Promise.race([sending, late.promise]);
    const body = sendBody(exchange, started, limits.bodyBytes);
    // However long the client takes for its body, the service's time begins after it.
    let isSent = false;
    const waiting = body.sent.then(() => {
      isSent = true;
      waitForAnswer();
    });
    waiting.catch(late.reject);
    const answer = await Promise.race([started.answer, body.failed, late.promise]);
    timer?.cancel();
    await Promise.race([passAnswer(exchange, answer, streamIdleSeconds), body.failed]);
    // The service did not want to hear the rest, and may not read it any more.
    if (!isSent) started.abort();
    return answer.status;
  } catch (error) {
    request?.abort();
    throw toRefused(error);
  } finally {
    isOver = true;
    timer?.cancel();
    bodyLate?.removeEventListener('abort', onBodyLate);
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
  mayReject(failed);
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
      // Whatever is still to come is of no use, but must not block the connection.
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
