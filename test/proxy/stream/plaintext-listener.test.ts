import { once } from 'node:events';
import net from 'node:net';
import test from 'ava';
import { APPLICATION_SHARE } from '../../../common/budget/shared-budget.ts';
import { createGuard } from '../../../common/guard.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import type { AcceptedConnection } from '../../../proxy/stream/plaintext-stream.ts';
import { listenPlaintext } from '../../../proxy/stream/plaintext-listener.ts';
import { within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import type { Scope } from '../../helpers/scope.ts';

const MISTAKE = new Error('a mistake of the program');

async function listening(t: Scope, serve: (connection: AcceptedConnection) => Promise<void>) {
  const { logger, of } = createLogRecorder();
  const guard = createGuard({ clock: createManualClock(), logger });
  const listener = await listenPlaintext(
    {
      name: 'test',
      host: '127.0.0.1',
      port: await freePort(),
      network: HOST_NETWORK,
      logger,
      guard,
      where: 'outbound',
      announcement: (at) => `it is at ${at}`,
      share: APPLICATION_SHARE,
      onRefused: () => {},
    },
    serve,
  );
  t.teardown(() => listener.close());
  return { listener, of, errors: () => guard.counts().get('outbound') };
}

/** How a connection that the listener resets fails: the reset may be here before it is told that it is open. */
async function failureOf(port: number): Promise<string | undefined> {
  const socket = net.connect({ port, host: '127.0.0.1' }).resume();
  const failing = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
  const [{ code }] = await within('the connection fails', failing);
  return code;
}

for (const [how, serve] of [
  [
    'throws',
    (): never => {
      throw MISTAKE;
    },
  ],
  ['rejects', (): Promise<never> => Promise.reject(MISTAKE)],
  [
    'rejects later',
    async (): Promise<never> => {
      await new Promise((resolve) => setImmediate(resolve));
      throw MISTAKE;
    },
  ],
] as const) {
  test(`a connection whose service ${how} is reset, counted, and waited for no longer`, async (t) => {
    const { listener, of, errors } = await listening(t, serve);
    for (const count of [1, 2]) {
      t.is(await failureOf(listener.address.port), 'ECONNRESET');
      t.is(errors(), count, 'the listener goes on');
    }
    t.is(of('internal-error')[0]?.['where'], 'outbound');
    listener.refuse();
    await within('the listener is idle', listener.idle());
  });
}

test('the others are waited for', async (t) => {
  const serving = Promise.withResolvers<void>();
  let first = true;
  const { listener } = await listening(t, async () => {
    if (!first) throw MISTAKE;
    first = false;
    await serving.promise;
  });
  await connectTcp(t, listener.address.port);
  t.is(await failureOf(listener.address.port), 'ECONNRESET');
  listener.refuse();
  let idle = false;
  const drained = listener.idle().then(() => (idle = true));
  await new Promise((resolve) => setImmediate(resolve));
  t.false(idle);
  serving.resolve();
  await within('the listener is idle', drained);
});

test('a listener that stops serves what waited to be accepted, and takes no more', async (t) => {
  let served = 0;
  const { listener } = await listening(t, async (connection) => {
    served += 1;
    const socket = connection.socket();
    socket.end('served').resume();
    await once(socket, 'close');
  });
  const { port } = listener.address;
  // All of them are connected before the event loop turns, and none is accepted.
  const waiting = Array.from({ length: 200 }, () => net.connect({ port, host: '127.0.0.1' }));
  const answers = waiting.map((socket) => socket.setEncoding('utf8').toArray());
  listener.refuse();
  t.is(served, 0);
  t.deepEqual(
    new Set((await within('all are served', Promise.all(answers))).flat()),
    new Set(['served']),
  );
  await within('it is idle', listener.idle());
  t.is(served, 200);
  t.is(await failureOf(port), 'ECONNREFUSED');
});
