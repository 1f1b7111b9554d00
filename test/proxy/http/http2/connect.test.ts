// What becomes of requests that we send, whatever the server does: the test is the server, and writes frames.
import test from 'ava';
import { once } from 'node:events';
import { ERROR_CODE, FRAME } from '../../../../proxy/http2/protocol.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import { frame } from '../../../helpers/clients/http2-frames.ts';
import { goawayCode, resetCode, uint32 } from '../../http2/harness.ts';
import { ask, type Message } from './harness.ts';
import {
  connected,
  data,
  goaway,
  headers,
  ok,
  type RawPeer,
  reset,
  setting,
  SETTINGS,
} from './raw-peer.ts';

const closedOf = (response: Message): Promise<unknown> =>
  eventually('the end of the request', () => response.closes.length > 0 || undefined);

test('a request that the server refuses was surely not acted on', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled);
  await server.send(SETTINGS, reset(1, ERROR_CODE.REFUSED_STREAM));
  t.deepEqual(response.closes, ['reset']);
  t.is(exchange.failure?.kind, 'refused');
  t.false(dialled.connection.isClosed, 'the next may be served');
  t.true(dialled.connection.isIdle);
});

test('a reset of any other kind, or after the response has begun, says nothing of the kind', async (t) => {
  const { dialled, server } = await connected(t);
  const requests = [ask(dialled), ask(dialled), ask(dialled)];
  await server.send(
    SETTINGS,
    reset(1, ERROR_CODE.CANCEL),
    ok(3, false),
    reset(3, ERROR_CODE.REFUSED_STREAM),
    reset(5, ERROR_CODE.NO_ERROR),
  );
  t.deepEqual(
    requests.map(({ exchange, response }) => [exchange.failure?.kind, ...response.closes]),
    [
      ['reset', 'reset'],
      ['reset', 'reset'],
      ['reset', 'reset'],
    ],
  );
  t.regex(requests[0]?.exchange.failure?.sentence ?? '', /CANCEL/);
});

test('GOAWAY refuses what is above its last stream, what is below is answered, and then the connection ends', async (t) => {
  const { dialled, server } = await connected(t);
  const [served, refused] = [ask(dialled), ask(dialled)];
  await server.send(SETTINGS, goaway(1));
  t.is(refused.exchange.failure?.kind, 'refused');
  t.deepEqual(served.response.closes, []);
  const { connection } = dialled;
  t.deepEqual([connection.isClosed, connection.capacity], [true, 0]);
  await server.send(ok(1));
  t.deepEqual([served.response.heads[0]?.status, served.response.isWhole], [200, true]);
  t.is(served.exchange.failure, undefined);
  server.socket.end();
  await eventually('the end', () => dialled.closed === 1 || undefined);
});

test('GOAWAY that first asks for no more and then names the last is kept to twice', async (t) => {
  const { dialled, server } = await connected(t);
  const [served, refused] = [ask(dialled), ask(dialled)];
  await server.send(SETTINGS, goaway(2 ** 31 - 1));
  t.deepEqual([...served.response.closes, ...refused.response.closes], []);
  await server.send(goaway(1), ok(1));
  t.true(served.response.isWhole);
  t.is(refused.exchange.failure?.kind, 'refused');
});

for (const [what, breakOff] of [
  ['FIN', (server: RawPeer) => void server.socket.end()],
  ['RST', (server: RawPeer) => void server.socket.resetAndDestroy()],
] as const) {
  test(`${what} without GOAWAY fails all requests at once`, async (t) => {
    const { dialled, server } = await connected(t);
    const requests = [ask(dialled), ask(dialled, { method: 'POST' }, false), ask(dialled)];
    await server.send(SETTINGS, ok(5, false), data(5, 'half'));
    breakOff(server);
    for (const { response } of requests) await closedOf(response);
    await eventually('the end', () => dialled.closed === 1 || undefined);
    t.deepEqual(
      requests.map(({ exchange, response }) => [exchange.failure?.kind, ...response.closes]),
      [
        ['lost', 'lost'],
        ['lost', 'lost'],
        ['lost', 'lost'],
      ],
    );
    t.is(requests[2]?.response.ends, 0, 'what was cut short has no end');
    t.deepEqual([dialled.connection.isClosed, dialled.connection.capacity], [true, 0]);
    t.is(dialled.budget.totalBytes, 0);
  });

  test(`${what} of an idle connection is its end`, async (t) => {
    const { dialled, server } = await connected(t);
    const { response } = ask(dialled);
    await server.send(SETTINGS, ok(1));
    t.true(response.isWhole);
    breakOff(server);
    await eventually('the end', () => dialled.closed === 1 || undefined);
    t.true(dialled.connection.isClosed);
    t.throws(() => ask(dialled), { message: /takes no request/ });
  });
}

test('a kept connection that ends before a byte of the response was stale', async (t) => {
  const { dialled, server } = await connected(t);
  ask(dialled);
  await server.send(SETTINGS, ok(1));
  const { exchange, response } = ask(dialled);
  server.socket.end();
  await closedOf(response);
  t.is(exchange.failure?.kind, 'stale');
});

test('a request behind others in flight was lost when something has come since it was sent', async (t) => {
  const { dialled, server } = await connected(t);
  ask(dialled);
  await server.send(SETTINGS, ok(1));
  const { exchange, response } = ask(dialled);
  await server.send();
  server.socket.end();
  await closedOf(response);
  t.is(exchange.failure?.kind, 'lost');
});

test('no more requests than the server allows, before and after its SETTINGS', async (t) => {
  const { dialled, server } = await connected(t);
  const { connection } = dialled;
  t.is(connection.capacity, 100);
  const first = ask(dialled);
  t.is(connection.capacity, 99);
  t.is(connection.limit, undefined);
  await server.send(setting(3, 2));
  t.is(connection.limit, 2);
  t.is(dialled.available, 1);
  t.is(connection.capacity, 1);
  ask(dialled);
  t.is(connection.capacity, 0);
  t.throws(() => ask(dialled));
  await server.send(setting(3, 1));
  t.is(connection.capacity, 0, 'there are more than that now');
  t.is(connection.limit, 1);
  await server.send(ok(1), ok(3));
  t.true(first.response.isWhole);
  t.is(connection.capacity, 1);
  t.is(dialled.available, 3);
  await server.send(setting(3, 0));
  t.throws(() => ask(dialled));
  await server.send(setting(3, 10));
  t.is(dialled.available, 5);
  t.is(connection.capacity, 10);
});

test('interim responses, the response, its body and its trailers come in their order', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled, { fields: [['te', 'trailers']] });
  await server.send(
    SETTINGS,
    headers(1, [
      [':status', '103'],
      ['link', '</a>'],
    ]),
    headers(1, [[':status', '102']]),
    headers(1, [
      [':status', '200'],
      ['x', 'caf\xe9'],
      ['content-length', '5'],
    ]),
    data(1, 'he'),
    data(1, 'llo'),
    headers(1, [['grpc-status', '0']], { endStream: true }),
  );
  t.deepEqual(
    response.interim.map(({ status }) => status),
    [103, 102],
  );
  t.like(response.heads, [
    { status: 200, contentLength: 5, reason: '', fields: [['x', 'caf\xe9']] },
  ]);
  t.is(response.text, 'hello');
  t.deepEqual([response.ends, response.trailers], [1, [['grpc-status', '0']]]);
  t.deepEqual(response.closes, ['ended']);
  t.is(exchange.failure, undefined);
});

test('what has no body is whole with its head, whatever Content-Length says', async (t) => {
  const { dialled, server } = await connected(t);
  const head = ask(dialled, { method: 'HEAD' });
  const notModified = ask(dialled);
  const noContent = ask(dialled);
  const late = ask(dialled, { method: 'HEAD' });
  await server.send(
    SETTINGS,
    headers(
      1,
      [
        [':status', '200'],
        ['content-length', '7'],
      ],
      { endStream: true },
    ),
    headers(
      3,
      [
        [':status', '304'],
        ['content-length', '7'],
      ],
      { endStream: true },
    ),
    headers(
      5,
      [
        [':status', '204'],
        ['content-length', '0'],
      ],
      { endStream: true },
    ),
    headers(7, [
      [':status', '200'],
      ['content-length', '7'],
    ]),
    data(7, '', { endStream: true }),
  );
  const told = [head, notModified, noContent, late].map(({ response }) => [
    response.heads[0]?.contentLength,
    response.isWhole,
    response.ends,
    response.closes[0],
  ]);
  t.deepEqual(told, [
    [7, true, 0, 'ended'],
    [7, true, 0, 'ended'],
    [undefined, true, 0, 'ended'],
    [7, false, 1, 'ended'],
  ]);
});

test('a whole response before the end of the request, and RST_STREAM NO_ERROR: it counts', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled, { method: 'POST' }, false);
  exchange.write(Buffer.from('part'));
  await server.send(SETTINGS, ok(1, false), data(1, 'enough', { endStream: true }), reset(1, 0));
  t.deepEqual([response.text, response.ends, ...response.closes], ['enough', 1, 'unread']);
  t.is(exchange.failure, undefined);
});

test('a request that is given up is cancelled at once, and tells nobody', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled);
  exchange.reset();
  const frames = await server.send(SETTINGS, ok(1, false), data(1, 'late'));
  t.is(resetCode(frames, 1), ERROR_CODE.CANCEL);
  t.deepEqual([response.heads, response.closes, response.chunks], [[], [], []]);
  t.true(dialled.connection.isIdle);
  t.is(exchange.failure, undefined);
});

test('a server may not push', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange } = ask(dialled);
  const promise = frame({ type: 5, flags: 4, stream: 1, payload: uint32(2) });
  const frames = await server.send(SETTINGS, promise);
  t.is(goawayCode(frames), ERROR_CODE.PROTOCOL_ERROR);
  t.is(exchange.failure?.kind, 'malformed');
  const [settings] = frames;
  t.is(settings?.type, FRAME.SETTINGS);
  t.deepEqual([...(settings?.payload.subarray(0, 6) ?? [])], [0, 2, 0, 0, 0, 0]);
});

test('a server that sends nothing but interim responses is not listened to for ever', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled);
  const early = Buffer.concat(
    Array.from({ length: 1_000 }, () => headers(1, [[':status', '103']])),
  );
  await server.send(SETTINGS, early);
  t.deepEqual(response.closes, []);
  await server.send(headers(1, [[':status', '103']]));
  t.is(exchange.failure?.kind, 'malformed');
  t.regex(exchange.failure?.sentence ?? '', /at most 1000 interim responses/);
  t.is(response.closes.length, 1);
});

test('another protocol is asked for when the server has said that it takes that', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled, { upgrade: 'websocket', target: '/chat' }, false);
  const frames = await server.send(setting(8, 1));
  const asked = frames.find(({ type }) => type === FRAME.HEADERS);
  const acknowledged = frames.findIndex(
    ({ type, flags }) => type === FRAME.SETTINGS && flags === 1,
  );
  t.true(acknowledged >= 0 && asked !== undefined && acknowledged < frames.indexOf(asked));
  t.is(asked?.flags, 4, 'it does not end');
  t.regex(asked?.payload.toString('latin1') ?? '', /CONNECT.*:protocol.*websocket/s);
  await server.send(ok(1, false), data(1, 'frames'));
  t.like(response.heads, [{ status: 101, upgrade: 'websocket' }]);
  t.is(response.text, 'frames');
  exchange.write(Buffer.from('of mine'));
  exchange.end();
  const after = await server.send(data(1, '', { endStream: true }));
  t.true(
    after.some(({ type, payload }) => type === FRAME.DATA && payload.toString() === 'of mine'),
  );
  t.deepEqual([response.ends, ...response.closes], [1, 'ended']);
});

test('another protocol that is granted and ended at once has an end', async (t) => {
  const { dialled, server } = await connected(t);
  const { response } = ask(dialled, { upgrade: 'websocket' }, false);
  await server.send(setting(8, 1), ok(1));
  t.deepEqual([response.heads[0]?.status, response.isWhole, response.ends], [101, false, 1]);
});

test('another protocol that is declined ends as any request does', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled, { upgrade: 'websocket' }, false);
  await server.send(setting(8, 1), headers(1, [[':status', '403']], { endStream: true }));
  t.like(response.heads, [{ status: 403, upgrade: undefined }]);
  exchange.write(Buffer.from('nowhere'));
  const frames = await server.send();
  t.false(frames.some(({ payload }) => payload.toString() === 'nowhere'));
  t.deepEqual(response.closes, ['ended']);
  t.true(dialled.connection.isIdle);
});

test('another protocol fails where the server takes none', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled, { upgrade: 'websocket' }, false);
  t.false(dialled.connection.isIdle);
  await server.send(SETTINGS);
  t.deepEqual(response.closes, ['reset']);
  t.regex(exchange.failure?.sentence ?? '', /RFC 8441/);
  t.true(dialled.connection.isIdle);
  const later = ask(dialled, { upgrade: 'websocket' }, false);
  t.deepEqual(later.response.closes, [], 'not within the call');
  await closedOf(later.response);
});

test('a connection that is drained ends with its last request', async (t) => {
  const { dialled, server } = await connected(t);
  const { response } = ask(dialled);
  dialled.connection.drain();
  t.is(dialled.connection.capacity, 0);
  const frames = await server.send(SETTINGS, ok(1));
  t.true(response.isWhole);
  t.is(goawayCode(frames) ?? goawayCode(await server.send()), ERROR_CODE.NO_ERROR);
  server.socket.end();
  await eventually('the end', () => dialled.closed === 1 || undefined);
});

test('a connection that is destroyed fails what is under way, and is reset', async (t) => {
  const { dialled, server } = await connected(t);
  const { exchange, response } = ask(dialled);
  await server.send(SETTINGS);
  const broken = once(server.socket, 'error');
  dialled.connection.destroy();
  t.deepEqual([exchange.failure?.kind, ...response.closes], ['lost', 'lost']);
  await within('the reset', broken);
  await eventually('the end', () => dialled.closed === 1 || undefined);
});
