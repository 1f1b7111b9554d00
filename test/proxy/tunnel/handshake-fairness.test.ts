// One source opens thousands of connections and says nothing; peers of another one, far away, need 400 ms
// for each step of their handshakes, and all of them get in.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { tlsOptions } from './foreign-peer.ts';
import { createEngine, createIdentity, sample } from './harness.ts';

const FLOODER = '127.0.0.1';
const FAR_AWAY = '127.0.0.2';
const DELAY_MS = 200;

/** A way to the port on which bytes need a while in either direction, from another address. */
async function slowWay(t: ExecutionContext, port: number): Promise<number> {
  const relay = createServer((near) => {
    const far = connect({ port, host: '127.0.0.1', localAddress: FAR_AWAY });
    const later = (from: Socket, to: Socket): void => {
      from.on('error', () => {});
      from.on('data', (chunk: Buffer) => {
        // The distance is the test's subject, and nothing waits for it.
        setTimeout(() => void to.write(chunk), DELAY_MS);
      });
      from.on('close', () => to.destroy());
    };
    later(near, far);
    later(far, near);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  t.teardown(() => relay.close());
  return (relay.address() as AddressInfo).port;
}

/** Opens connections that say nothing, a few hundred at a time, until it is told to stop. */
function flood(t: ExecutionContext, port: number) {
  let opened = 0;
  let evicted = 0;
  let isOver = false;
  const open = (): void => {
    if (isOver) return;
    const socket = connect({ port, host: '127.0.0.1', localAddress: FLOODER });
    opened += 1;
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => {
      evicted += 1;
      open();
    });
    t.teardown(() => socket.destroy());
  };
  for (let i = 0; i < 100; i += 1) open();
  return {
    counts: () => ({ opened, evicted }),
    stop() {
      isOver = true;
    },
  };
}

test('a flood of silent connections from one source keeps nobody of another one out', async (t) => {
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  const listener = await api.listen(() => {}, { maxPendingHandshakes: 32 });
  const silent = flood(t, listener.port);
  await eventually('the flood is at work', () => silent.counts().evicted > 500 || undefined);
  const before = silent.counts();

  const port = await slowWay(t, listener.port);
  const far = Array.from({ length: 8 }, (_, at) => {
    const workload = authority.workload('shop', `far-${at}`);
    const socket = connectTls({ ...tlsOptions(authority, workload), port });
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    return socket;
  });
  await within(
    'the handshakes from far away',
    Promise.all(far.map((socket) => once(socket, 'secureConnect'))),
  );
  await eventually('all are in', () => listener.openTunnels === far.length || undefined);
  const after = silent.counts();
  silent.stop();
  // In the time of one slow handshake the whole table was filled many times over.
  t.true(after.evicted - before.evicted > 32 * 5, `${after.evicted - before.evicted} had to go`);
  t.true(far.every((socket) => !socket.destroyed));
  const refused = { direction: 'inbound', reason: 'too-many' };
  t.true((await sample(api.registry, 'hauberk_handshakes_refused_total', refused)) > 500);
  t.true(
    api.lines.some(
      ({ event, reason, address }) =>
        event === 'handshake-refused' && reason === 'too-many' && address === FLOODER,
    ),
  );
  t.false(
    api.lines.some(({ event, address }) => event === 'handshake-refused' && address === FAR_AWAY),
  );
});
