import { createGuard } from '../../../../common/guard.ts';
import type { ForwardLimits } from '../../../../proxy/http/forward/forward-limits.ts';
import type { ForwardRoute } from '../../../../proxy/http/forward/forward-route.ts';
import { ForwardedRequest } from '../../../../proxy/http/forward/forwarded-request.ts';
import { Deadlines } from '../../../../proxy/http/forward/deadlines.ts';
import { DirectRoute } from '../../../../proxy/http/forward/direct-route.ts';
import { refusal } from '../../../../proxy/http/forward/refusal.ts';
import type { RequestHead } from '../../../../proxy/http/message.ts';
import { Upstream } from '../../../../proxy/http/upstream/upstream.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { FakeStream } from '../../stream/fake-stream.ts';
import { FakeConnection, FakeServerExchange, requestHead } from './fake-exchanges.ts';

/** What a world is made with. */
export interface WorldOptions {
  readonly isShared?: boolean;
  readonly limits?: Partial<ForwardLimits>;
  /** Rejects what is dialled. */
  readonly failure?: Error;
  /** Sends again what has failed, after a pause; without it a route decides that has none. */
  readonly retryAfterMs?: number;
}

const LIMITS: ForwardLimits = {
  bodyBytes: 1_000,
  requestMs: 20_000,
  responseMs: 5_000,
  idleMs: 10_000,
};

/** A place to forward requests, whose client and whose service are the test. */
export function forwardWorld(options: WorldOptions = {}) {
  const { isShared = false, limits = {}, failure, retryAfterMs } = options;
  const clock = createManualClock();
  const guard = createGuard({ clock, logger: createLogRecorder().logger });
  const connections: FakeConnection[] = [];
  const done: ForwardedRequest[] = [];
  const signals: AbortSignal[] = [];
  const upstream = new Upstream({
    isShared,
    clock,
    guard,
    where: 'gateway',
    async dial(signal) {
      signals.push(signal);
      if (failure !== undefined) throw failure;
      return { stream: new FakeStream(), peer: 'spiffe://mesh/api' };
    },
    speak(_stream, observer) {
      const connection = new FakeConnection(observer, isShared ? 100 : 1);
      connections.push(connection);
      return connection;
    },
  });
  const deadlines = new Deadlines(clock);
  const begin = (given: Partial<RequestHead>, isWhole = true, isGone = false) => {
    const client = new FakeServerExchange(requestHead(given), isWhole);
    client.isClosed = isGone;
    const dependencies = {
      deadlines,
      after: (delayMs: number, callback: () => void) => void clock.after(delayMs, callback),
      done: (one: ForwardedRequest) => void done.push(one),
    };
    const request = new ForwardedRequest(client, { ...LIMITS, ...limits }, dependencies);
    const toRefusal = (error: unknown) => refusal('connect-failed', error);
    const direct = new DirectRoute({ upstream, head: client.request }, toRefusal);
    const patient: ForwardRoute = {
      keepsBody: true,
      next: () => direct.next(),
      passes: (head) => head,
      afterTry: () => ({ kind: 'again', afterMs: retryAfterMs ?? 0 }),
    };
    request.forward(retryAfterMs === undefined ? direct : patient);
    return { client, request };
  };
  /** Connections are made in a turn of their own. */
  const settle = (): Promise<void> => clock.advance(0);
  /** Sends a request to the service, on a connection that is there by now. */
  const reach = async (given: Partial<RequestHead> = {}, isWhole = true) => {
    const begun = begin(given, isWhole);
    await settle();
    const service = lastOf(connections);
    return { ...begun, connection: service, service: lastOf(service.exchanges) };
  };
  return { clock, upstream, connections, done, signals, begin, settle, reach };
}

/** The newest one. */
export function lastOf<Item>(items: readonly Item[]): Item {
  const last = items.at(-1);
  if (last === undefined) throw new Error('there is none');
  return last;
}
