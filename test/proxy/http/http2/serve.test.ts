// Requests of clients that keep the rules, give up, or stop half-way: the test is the client, and writes frames.
import test from 'ava';
import { ERROR_CODE, FRAME } from '../../../../proxy/http2/protocol.ts';
import type { ServerExchange } from '../../../../proxy/http/exchange.ts';
import { SERVER_LIMITS } from '../../../../proxy/http/http2/limits.ts';
import { encodeHeaders } from '../../../../proxy/http2/hpack/encoder.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { frame } from '../../../helpers/clients/http2-frames.ts';
import { goawayCode, resetCode } from '../../http2/harness.ts';
import { echo, listen, receive, responseHead } from './harness.ts';
import { data, GET, headers, inParts, POST, rawClient, reset } from './raw-peer.ts';

test('a request is one shape: its fields in order, its cookies in one, its Host told apart', async (t) => {
  const exchanges: ServerExchange[] = [];
  await using served = await listen((exchange) => void exchanges.push(exchange));
  const client = await rawClient(t, served.port);
  await client.send(
    headers(1, [
      ...POST,
      ['x-b', '1'],
      ['cookie', 'a=1'],
      ['x-a', 'caf\xe9'],
      ['host', 'a.example'],
      ['cookie', 'b=2'],
      ['content-length', '3'],
      ['x-b', '2'],
    ]),
    headers(3, GET, { endStream: true }),
    headers(5, [
      [':method', 'CONNECT'],
      [':authority', 'a.example:443'],
    ]),
  );
  t.deepEqual(
    exchanges.map(({ request }) => request),
    [
      {
        version: '2',
        method: 'POST',
        scheme: 'http',
        authority: 'a.example',
        target: '/',
        fields: [
          ['x-b', '1'],
          ['cookie', 'a=1; b=2'],
          ['x-a', 'caf\xe9'],
          ['x-b', '2'],
        ],
        contentLength: 3,
        upgrade: undefined,
      },
      {
        version: '2',
        method: 'GET',
        scheme: 'http',
        authority: 'a.example',
        target: '/',
        fields: [],
        contentLength: undefined,
        upgrade: undefined,
      },
      {
        version: '2',
        method: 'CONNECT',
        scheme: 'http',
        authority: 'a.example:443',
        target: '',
        fields: [],
        contentLength: undefined,
        upgrade: undefined,
      },
    ],
  );
  t.deepEqual(
    exchanges.map(({ isWhole }) => isWhole),
    [false, true, false],
  );
});

test('interim responses, the response, its body and its trailers leave in their order', async (t) => {
  await using served = await listen((exchange) => {
    receive(exchange);
    exchange.inform(responseHead(103, [['Link', '</a>']]));
    exchange.respond(responseHead(200, [['X-Mixed', 'caf\xe9']], 5), false);
    exchange.inform(responseHead(102));
    exchange.write(Buffer.from('he'));
    exchange.write(Buffer.from('llo'));
    exchange.end([['Grpc-Status', '0']]);
  });
  const client = await rawClient(t, served.port);
  const frames = await client.send(headers(1, GET, { endStream: true }));
  const told = frames
    .filter(({ stream }) => stream === 1)
    .map(({ type, flags, payload }) => [type, flags, payload.toString('latin1')] as const);
  t.deepEqual(
    told.map(([type, flags]) => [type, flags]),
    [
      [FRAME.HEADERS, 4],
      [FRAME.HEADERS, 4],
      [FRAME.DATA, 0],
      [FRAME.DATA, 0],
      [FRAME.HEADERS, 5],
    ],
  );
  t.regex(told[0]?.[2] ?? '', /<\/a>/);
  t.regex(told[1]?.[2] ?? '', /x-mixed.*caf\xe9/s);
  t.regex(told[4]?.[2] ?? '', /grpc-status/);
});

test('a client that gives up is told at once, before the request was started and within it', async (t) => {
  const told: string[] = [];
  await using served = await listen((exchange) => {
    const { target } = exchange.request;
    exchange.attach({
      data: () => true,
      end() {},
      written() {},
      spare() {},
      closed: (how) => void told.push(`${target} ${how}`),
    });
    if (target === '/started') exchange.start();
    if (target === '/half') exchange.respond(responseHead(200), false);
  });
  const client = await rawClient(t, served.port);
  const get = (stream: number, path: string): Buffer =>
    headers(stream, [...GET.slice(0, 3), [':path', path]], { endStream: true });
  await client.send(
    get(1, '/waiting'),
    get(3, '/started'),
    get(5, '/half'),
    get(7, '/lost'),
    reset(1),
    reset(3),
    // It has sent everything, and reads no more: it has given up all the same.
    reset(5, ERROR_CODE.NO_ERROR),
  );
  t.deepEqual(told, ['/waiting reset', '/started reset', '/half reset']);
  client.socket.destroy();
  await eventually('the end', () => served.closed === 1 || undefined);
  t.deepEqual(told.slice(3), ['/lost lost']);
});

test('a whole response that nobody reads the request for says NO_ERROR to who still sends', async (t) => {
  await using served = await listen((exchange) => {
    exchange.respond(responseHead(413), true);
  });
  const client = await rawClient(t, served.port);
  const frames = await client.send(headers(1, POST), data(1, 1000), data(1, 1000));
  t.is(resetCode(frames, 1), ERROR_CODE.NO_ERROR);
  t.true(frames.some(({ type, flags }) => type === FRAME.HEADERS && flags === 5));
  t.is(served.budget.totalBytes, 0);
  await client.send(headers(3, GET, { endStream: true }));
  t.is(served.refusals.length, 0);
});

test('a response that ends first lets the request go on, if it is read', async (t) => {
  const bodies: ReturnType<typeof receive>[] = [];
  await using served = await listen((exchange) => {
    bodies.push(receive(exchange));
    exchange.respond(responseHead(200), true);
  });
  const client = await rawClient(t, served.port);
  const frames = await client.send(headers(1, POST), data(1, 'all of it', { endStream: true }));
  t.is(resetCode(frames, 1), undefined);
  t.is(bodies[0]?.text, 'all of it');
  t.deepEqual([bodies[0]?.ends, bodies[0]?.closes], [1, ['ended']]);
});

test('a response that breaks off is a reset, and no end', async (t) => {
  await using served = await listen((exchange) => {
    receive(exchange);
    exchange.respond(responseHead(200, [], 10), false);
    exchange.write(Buffer.from('half'));
    exchange.reset();
  });
  const client = await rawClient(t, served.port);
  const frames = await client.send(headers(1, GET, { endStream: true }));
  t.is(resetCode(frames, 1), ERROR_CODE.INTERNAL_ERROR);
  t.false(frames.some(({ type, flags }) => type === FRAME.DATA && (flags & 1) === 1));
});

test('a WebSocket is asked for by an extended CONNECT, granted, and carries bytes', async (t) => {
  await using served = await listen((exchange) => {
    t.like(exchange.request, { method: 'GET', upgrade: 'websocket', target: '/chat' });
    t.false(exchange.isWhole);
    exchange.attach({
      data: (chunk) => exchange.write(chunk),
      end: () => exchange.end(),
      written: (bytes) => exchange.consumed(bytes),
      spare() {},
      closed() {},
    });
    exchange.respond({ ...responseHead(101), upgrade: 'websocket' }, false);
    exchange.start();
  });
  const client = await rawClient(t, served.port);
  const ask = headers(1, [
    [':method', 'CONNECT'],
    [':protocol', 'websocket'],
    [':scheme', 'http'],
    [':path', '/chat'],
    [':authority', 'a.example'],
  ]);
  const frames = await client.send(ask, data(1, 'ping'), data(1, '', { endStream: true }));
  const [settings] = frames;
  const announced = settings?.payload.toString('hex').includes('000800000001');
  t.true(announced, 'SETTINGS_ENABLE_CONNECT_PROTOCOL');
  // 200 of the static table, behind the end of the table.
  t.deepEqual(frames.find(({ type }) => type === FRAME.HEADERS)?.payload, Buffer.of(0x20, 0x88));
  t.true(frames.some(({ payload }) => payload.toString() === 'ping'));
  t.true(frames.some(({ type, flags }) => type === FRAME.DATA && flags === 1));
});

test('no other protocol than that of WebSocket is passed on: its bytes could be requests', async (t) => {
  const exchanges: ServerExchange[] = [];
  await using served = await listen((exchange) => void exchanges.push(exchange));
  const client = await rawClient(t, served.port);
  const protocols = ['h2c', 'connect-udp', 'connect-tcp', 'WebSocket'];
  for (const [at, protocol] of protocols.entries()) {
    const id = 2 * at + 1;
    const ask: [string, string][] = [
      [':protocol', protocol],
      [':method', 'CONNECT'],
    ];
    const frames = await client.send(headers(id, [...ask, ...GET.slice(1)]), data(id, 'PRI *'));
    const answer = frames.find(({ type, stream }) => type === FRAME.HEADERS && stream === id);
    t.regex(answer?.payload.toString('latin1') ?? '', /501/, protocol);
    t.is(resetCode(frames, id), ERROR_CODE.NO_ERROR);
  }
  t.deepEqual(exchanges, []);
  t.deepEqual(
    served.refusals.map(({ reason, status }) => [reason, status]),
    protocols.map(() => ['unsupported', 501]),
  );
});

test('a WebSocket that is declined ends its request', async (t) => {
  const bodies: ReturnType<typeof receive>[] = [];
  await using served = await listen((exchange) => {
    bodies.push(receive(exchange));
    exchange.respond(responseHead(403, [], 2), false);
    exchange.write(Buffer.from('no'));
    exchange.end();
  });
  const client = await rawClient(t, served.port);
  const ask = headers(1, [[':protocol', 'websocket'], ...GET.slice(1), [':method', 'CONNECT']]);
  const frames = await client.send(ask, data(1, 'late', { endStream: true }));
  t.is(bodies[0]?.ends, 1, 'it ends once');
  t.is(bodies[0]?.text, '');
  t.is(resetCode(frames, 1), ERROR_CODE.NO_ERROR);
  t.true(frames.some(({ payload }) => payload.toString() === 'no'));
});

test('a request is read no faster than its receiver takes it', async (t) => {
  const bodies: ReturnType<typeof receive>[] = [];
  await using served = await listen(
    (exchange) => void bodies.push(receive(exchange, { isStalled: true })),
  );
  const client = await rawClient(t, served.port);
  const updates = (frames: ReturnType<typeof client.frames>): number =>
    frames.filter(({ type, stream }) => type === FRAME.WINDOW_UPDATE && stream === 1).length;
  t.is(updates(await client.send(headers(1, POST), data(1, 40_000))), 0);
  t.is(served.budget.totalBytes, 40_000);
  bodies[0]?.take();
  t.is(updates(await client.send()), 1);
  t.is(served.budget.totalBytes, 0);
});

test('all requests of a connection together have no more waiting than its window', async (t) => {
  const windowBytes = 100_000;
  const bodies: ReturnType<typeof receive>[] = [];
  await using served = await listen(
    (exchange) => void bodies.push(receive(exchange, { isStalled: true })),
    { limits: { ...SERVER_LIMITS, connectionWindowBytes: windowBytes } },
  );
  const client = await rawClient(t, served.port);
  await client.send(headers(1, POST), data(1, 60_000), headers(3, POST), data(3, 40_000));
  const increments = (): number =>
    client
      .frames()
      .filter(({ type, stream }) => type === FRAME.WINDOW_UPDATE && stream === 0)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  t.is(65_535 + increments(), windowBytes, 'nothing is given back for what waits');
  bodies[0]?.take();
  await client.send();
  t.is(65_535 + increments(), windowBytes + 60_000);
  const frames = await client.send(data(3, 20_000), headers(5, POST), data(5, 50_000));
  t.is(goawayCode(frames), ERROR_CODE.FLOW_CONTROL_ERROR);
  await eventually('nothing is held', () => served.budget.totalBytes === 0 || undefined);
});

test('a client that gives up request after request is a flood', async (t) => {
  await using served = await listen((exchange) => void receive(exchange));
  const client = await rawClient(t, served.port);
  for (let id = 1; id < 500 && !client.socket.readableEnded; id += 2) {
    client.socket.write(Buffer.concat([headers(id, GET, { endStream: true }), reset(id)]));
  }
  const frames = await client.send();
  t.is(goawayCode(frames), ERROR_CODE.ENHANCE_YOUR_CALM);
  client.socket.end();
  await eventually('the end', () => served.closed === 1 || undefined);
});

test('so is one that makes us reset request after request', async (t) => {
  await using served = await listen(echo);
  const client = await rawClient(t, served.port);
  for (let id = 1; id < 500; id += 2) client.socket.write(headers(id, [...GET, ['X', '1']]));
  t.is(goawayCode(await client.send()), ERROR_CODE.ENHANCE_YOUR_CALM);
});

test('requests that are answered are no flood, however many', async (t) => {
  await using served = await listen((exchange) => exchange.respond(responseHead(204), true));
  const client = await rawClient(t, served.port);
  for (let id = 1; id < 10_000;) {
    const batch: Buffer[] = [];
    for (let count = 0; count < 50; count += 1, id += 2) {
      batch.push(headers(id, GET, { endStream: true }));
    }
    await client.send(...batch);
  }
  t.is(goawayCode(client.frames()), undefined);
});

test('more header fields than are taken are answered with 431, and the connection goes on', async (t) => {
  const targets: string[] = [];
  await using served = await listen((exchange) => {
    targets.push(exchange.request.target);
    exchange.respond(responseHead(204), true);
  });
  const client = await rawClient(t, served.port);
  const value = 'v'.repeat(100);
  const many = [...GET, ...Array.from({ length: 253 }, (): [string, string] => ['x', '1'])];
  const long = [...GET, ...Array.from({ length: 250 }, (): [string, string] => ['x', value])];
  const frames = await client.send(
    headers(1, many, { endStream: true }),
    ...inParts(headers(3, long, { endStream: true })),
    headers(5, many.slice(0, 256), { endStream: true }),
  );
  const blocks = frames.filter(({ type }) => type === FRAME.HEADERS);
  t.deepEqual(
    blocks.map(({ stream, payload }) => [stream, payload.toString('latin1').includes('431')]),
    [
      [1, true],
      [3, true],
      [5, false],
    ],
  );
  t.deepEqual(targets, ['/']);
  t.deepEqual(
    served.refusals.map(({ reason, status }) => [reason, status]),
    [
      ['headers-too-large', 431],
      ['headers-too-large', 431],
    ],
  );
});

test('a listener says how long the fields of a request may be, in as many frames as that takes', async (t) => {
  const targets: string[] = [];
  const serve = (exchange: ServerExchange): void => {
    targets.push(exchange.request.target);
    exchange.respond(responseHead(204), true);
  };
  const fields = (count: number): [string, string][] =>
    Array.from({ length: count }, () => ['x', 'v'.repeat(100)]);
  await using narrow = await listen(serve, { headerBytes: 1_024 });
  const client = await rawClient(t, narrow.port);
  await client.send(headers(1, [...GET, ...fields(10)], { endStream: true }));
  t.is(narrow.refusals[0]?.reason, 'headers-too-large');
  await client.send(headers(3, GET, { endStream: true }));
  t.deepEqual(targets, ['/']);
  const large: [string, string][] = [['x', 'v'.repeat(300_000)]];
  await using wide = await listen(serve, { headerBytes: 1_048_576 });
  const other = await rawClient(t, wide.port);
  const block = Buffer.from(encodeHeaders([...GET, ...large]));
  const whole = frame({ type: FRAME.HEADERS, flags: 5, stream: 1, payload: block });
  await other.send(...inParts(whole));
  t.deepEqual(wide.refusals, []);
  t.deepEqual(targets, ['/', '/']);
});

test('what was handed over and is never consumed is held by no connection once its request is over', async (t) => {
  const bodies: ReturnType<typeof receive>[] = [];
  await using served = await listen((exchange) => {
    bodies.push(receive(exchange, { isStalled: true }));
    exchange.respond(responseHead(200), true);
  });
  const client = await rawClient(t, served.port);
  await client.send(headers(1, POST), data(1, 5_000, { endStream: true }));
  t.deepEqual(bodies[0]?.closes, ['ended']);
  t.is(served.budget.totalBytes, 0);
});
