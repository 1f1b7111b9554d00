// How a connection of a client ends that is told to go, or has nothing to do.
import { once } from 'node:events';
import test from 'ava';
import type { ServerExchange } from '../../../../proxy/http/exchange.ts';
import { ERROR_CODE, FRAME } from '../../../../proxy/http2/protocol.ts';
import { within } from '../../../helpers/deadline.ts';
import { frame } from '../../../helpers/clients/http2-frames.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { goawayCode, resetCode } from '../../http2/harness.ts';
import { listen, responseHead } from './harness.ts';
import { GET, headers, rawClient, reset } from './raw-peer.ts';

test('a drained connection serves what is on its way, and ends', async (t) => {
  const exchanges: ServerExchange[] = [];
  await using served = await listen((exchange) => void exchanges.push(exchange));
  const client = await rawClient(t, served.port);
  await client.send(headers(1, GET, { endStream: true }));
  for (const connection of served.connections) connection.drain();
  await client.send(headers(3, GET, { endStream: true }));
  t.is(exchanges.length, 2, 'it could not know');
  const pings = client.frames().filter(({ type, flags }) => type === FRAME.PING && flags === 0);
  t.is(pings.length, 1);
  await client.send(frame({ type: FRAME.PING, flags: 1, payload: Buffer.alloc(8) }));
  const refused = await client.send(headers(5, GET, { endStream: true }));
  t.is(resetCode(refused, 5), ERROR_CODE.REFUSED_STREAM);
  const ended = once(client.socket, 'end');
  for (const exchange of exchanges) exchange.respond(responseHead(204), true);
  await within('FIN', ended);
  const lastIds = client
    .frames()
    .filter(({ type }) => type === FRAME.GOAWAY)
    .map(({ payload }) => payload.readUInt32BE(0));
  t.deepEqual(lastIds.slice(0, 2), [2 ** 31 - 1, 3]);
});

test('a client that answers no PING is drained all the same', async (t) => {
  const clock = createManualClock();
  await using served = await listen(() => {}, { clock });
  const client = await rawClient(t, served.port);
  await client.send(headers(1, GET, { endStream: true }));
  for (const connection of served.connections) connection.drain();
  await client.send(headers(3, GET, { endStream: true }));
  await clock.advance(5_000);
  const frames = await client.send(headers(5, GET, { endStream: true }));
  t.is(resetCode(frames, 3), undefined);
  t.is(resetCode(frames, 5), ERROR_CODE.REFUSED_STREAM);
  const ended = once(client.socket, 'end');
  client.socket.write(Buffer.concat([reset(1), reset(3)]));
  await within('FIN', ended);
});

test('a connection without requests is ended after its time, whatever else the client says', async (t) => {
  const clock = createManualClock();
  const exchanges: ServerExchange[] = [];
  await using served = await listen((exchange) => void exchanges.push(exchange), {
    clock,
    idleMs: 10_000,
  });
  const client = await rawClient(t, served.port);
  await client.send(headers(1, GET, { endStream: true }));
  await clock.advance(30_000);
  t.is(goawayCode(await client.send()), undefined, 'a request is under way');
  exchanges[0]?.respond(responseHead(204), true);
  await client.send();
  await clock.advance(9_000);
  t.is(goawayCode(await client.send()), undefined);
  await clock.advance(1_000);
  await clock.advance(10_000);
  const ended = once(client.socket, 'close');
  await clock.advance(5_000);
  client.socket.end();
  await within('the end', ended);
  t.is(goawayCode(client.frames()), ERROR_CODE.NO_ERROR);
});
