import { createGuard } from '../../../../common/guard.ts';
import type { PlaceWaiter, UpstreamConnection } from '../../../../proxy/http/upstream/place.ts';
import type { Dialled } from '../../../../proxy/http/upstream/pooled-connection.ts';
import { Upstream } from '../../../../proxy/http/upstream/upstream.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { FakeStream } from '../../stream/fake-stream.ts';
import { FakeConnection, requestHead } from '../forward/fake-exchanges.ts';

/** An upstream whose connections are the test's. */
export function world({ isShared = false, capacity = 1 } = {}) {
  const clock = createManualClock();
  const guard = createGuard({ clock, logger: createLogRecorder().logger });
  const connections: FakeConnection[] = [];
  const dials: {
    signal: AbortSignal;
    fail(error: Error): void;
    connect(isLeaving?: () => boolean): void;
  }[] = [];
  const upstream = new Upstream({
    isShared,
    clock,
    guard,
    where: 'outbound',
    dial(signal) {
      const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      const connect = (isLeaving = () => false): void =>
        resolve({ stream: new FakeStream(), peer: 'api', isLeaving });
      dials.push({ signal, fail: reject, connect });
      return promise;
    },
    speak(_stream, observer) {
      const connection = new FakeConnection(observer, capacity);
      connections.push(connection);
      return connection;
    },
  });
  const settle = (): Promise<void> => clock.advance(0);
  const receiver = {
    informed() {},
    responded() {},
    data: () => true,
    end() {},
    written() {},
    spare() {},
    closed() {},
  };
  /** Wants a place, and uses it at once; what it got is in it. */
  const ask = (holder?: string) => {
    const got: { connection?: UpstreamConnection; error?: unknown; waiter: PlaceWaiter } = {
      waiter: {
        share: holder === undefined ? undefined : { holder, fraction: 1 / 2 },
        placed(connection) {
          if (connection.request(requestHead(), true, receiver) === undefined) {
            throw new Error('there is no room');
          }
          got.connection = connection;
        },
        failed: (error) => void (got.error = error),
      },
    };
    const connection = upstream.place(got.waiter);
    if (connection !== undefined) got.waiter.placed(connection);
    return got;
  };
  return { clock, upstream, connections, dials, settle, ask };
}
