// HTTP/2 between our client and our server, over each kind of stream: sockets, TLS, and a stream of a tunnel.
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../../common/clock.ts';
import type { ClientConnection, ServerExchange } from '../../../../proxy/http/exchange.ts';
import { connectHttp2 } from '../../../../proxy/http/http2/connect.ts';
import { serveHttp2 } from '../../../../proxy/http/http2/serve.ts';
import { MemoryBudget } from '../../../../proxy/http2/memory-budget.ts';
import type { ByteStream } from '../../../../proxy/stream/byte-stream.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { STREAMS, type StreamPair } from '../../stream/stream-pairs.ts';
import { ask, echo, receive, responseHead, roomyBudget } from './harness.ts';

const BODY = Buffer.alloc(150_000, 'hauberk ');

interface Ends {
  readonly connection: ClientConnection;
  readonly budget: MemoryBudget;
  readonly closed: string[];
}

function speakOver(
  { one, other }: StreamPair,
  serve: (exchange: ServerExchange) => void,
  early?: Buffer,
): Ends {
  const budget = roomyBudget();
  const closed: string[] = [];
  const common = { clock: systemClock, budget };
  serveHttp2(other, {
    ...common,
    owner: 'client',
    ...(early === undefined ? {} : { early }),
    handler: {
      request: serve,
      refused: ({ sentence }) => void closed.push(sentence),
      closed: () => void closed.push('server'),
    },
  });
  const observer = { available() {}, closed: () => void closed.push('client') };
  return {
    connection: connectHttp2(one, { ...common, owner: 'server', observer }),
    budget,
    closed,
  };
}

async function bothClosed(t: ExecutionContext, { closed, budget }: Ends): Promise<void> {
  await eventually('the end of both', () => closed.length === 2 || undefined);
  t.deepEqual(closed.toSorted(), ['client', 'server']);
  t.is(budget.totalBytes, 0);
}

for (const [what, open] of Object.entries(STREAMS)) {
  test(`bodies and trailers go both ways over ${what}, and the end is an end`, async (t) => {
    const ends = speakOver(await open(t), echo);
    const requests = Array.from({ length: 20 }, (_, at) => {
      const request = ask(ends, { method: 'POST', target: `/${at}` }, false);
      request.exchange.write(BODY.subarray(0, BODY.length - at));
      request.exchange.end([['x-at', String(at)]]);
      return request.response;
    });
    await eventually(
      'all responses',
      () => requests.every(({ ends: told }) => told > 0) || undefined,
    );
    for (const [at, response] of requests.entries()) {
      t.true(Buffer.concat(response.chunks).equals(BODY.subarray(0, BODY.length - at)));
      t.deepEqual(response.trailers, [['x-at', String(at)]]);
      t.deepEqual(response.closes, ['ended']);
    }
    t.true(ends.connection.isIdle);
    ends.connection.destroy();
    await bothClosed(t, ends);
  });

  test(`what breaks off over ${what} fails what is under way at both ends, at once`, async (t) => {
    const bodies: ReturnType<typeof receive>[] = [];
    const ends = speakOver(await open(t), (exchange) => {
      bodies.push(receive(exchange));
      exchange.respond(responseHead(200), false);
      exchange.write(Buffer.from('half'));
    });
    const { response } = ask(ends, { method: 'POST' }, false);
    await eventually('half of the response', () => response.text === 'half' || undefined);
    ends.connection.destroy();
    await bothClosed(t, ends);
    t.deepEqual(response.closes, ['lost']);
    t.deepEqual([response.ends, bodies[0]?.ends, bodies[0]?.closes], [0, 0, ['lost']]);
  });
}

test('what was read already to find out what is spoken comes first', async (t) => {
  const pair = await (STREAMS['a socket'] ?? (() => Promise.reject(new Error('none'))))(t);
  const early = await firstBytes(pair.other, () => {
    const observer = { available() {}, closed() {} };
    const common = { clock: systemClock, budget: roomyBudget(), owner: 'server', observer };
    const connection = connectHttp2(pair.one, common);
    const { response } = ask({ connection });
    return response;
  });
  serveHttp2(pair.other, {
    clock: systemClock,
    budget: roomyBudget(),
    owner: 'client',
    early: early.bytes,
    handler: { request: echo, refused: ({ sentence }) => t.fail(sentence), closed() {} },
  });
  await eventually('a response', () => early.result.isComplete || undefined);
  t.is(early.result.heads[0]?.status, 200);
});

/** Takes the first bytes off a stream, as the gateway does. */
async function firstBytes<T>(
  stream: ByteStream,
  send: () => T,
): Promise<{ readonly bytes: Buffer; readonly result: T }> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  stream.attach({
    data(chunk) {
      stream.detach();
      stream.consumed(chunk.length);
      resolve(Buffer.from(chunk));
      return false;
    },
    end() {},
    written() {},
    spare() {},
    closed() {},
  });
  stream.start();
  const result = send();
  return { bytes: await promise, result };
}

test('a client that does not read stops the server, and hears everything once it does', async (t) => {
  const totalBytes = 8 * 1024 * 1024;
  let sentBytes = 0;
  const ends = speakOver(
    await (STREAMS['a socket'] ?? (() => Promise.reject(new Error('none'))))(t),
    (exchange) => {
      const send = (): void => {
        while (sentBytes < totalBytes) {
          sentBytes += 16_384;
          if (!exchange.write(Buffer.alloc(16_384))) return;
        }
        exchange.end();
      };
      exchange.attach({ data: () => true, end() {}, written: send, spare() {}, closed() {} });
      exchange.respond(responseHead(200), false);
      exchange.start();
      send();
    },
  );
  const { response } = ask(ends);
  response.isStalled = true;
  await eventually('a window of it', () => response.bytes === 65_535 || undefined);
  t.true(sentBytes < 200_000, `${sentBytes} bytes were sent`);
  t.true(ends.budget.totalBytes < 200_000);
  response.isStalled = false;
  response.take();
  await eventually('all of it', () => response.ends === 1 || undefined);
  t.true(response.bytes >= totalBytes);
  t.is(ends.budget.totalBytes, 0);
});

test('when memory runs out a stalled request is given up, and the others go on', async (t) => {
  const budget = new MemoryBudget(100_000);
  const bodies: ReturnType<typeof receive>[] = [];
  const pair = await (STREAMS['a socket'] ?? (() => Promise.reject(new Error('none'))))(t);
  serveHttp2(pair.other, {
    clock: systemClock,
    budget,
    owner: 'client',
    handler: {
      request: (exchange) => void bodies.push(receive(exchange, { isStalled: bodies.length < 2 })),
      refused: ({ sentence }) => t.fail(sentence),
      closed() {},
    },
  });
  const observer = { available() {}, closed() {} };
  const common = { clock: systemClock, budget: roomyBudget(), owner: 'server', observer };
  const dialled = { connection: connectHttp2(pair.one, common) };
  const requests = Array.from({ length: 3 }, () => ask(dialled, { method: 'POST' }, false));
  for (const { exchange } of requests) exchange.write(Buffer.alloc(60_000));
  await eventually('one is shed', () => budget.shedCount === 1 || undefined);
  await eventually('its end', () => requests[0]?.exchange.failure !== undefined || undefined);
  t.deepEqual(bodies[0]?.closes, ['shed']);
  t.regex(requests[0]?.exchange.failure?.sentence ?? '', /ENHANCE_YOUR_CALM/);
  await eventually('the third goes on', () => bodies[2]?.bytes === 60_000 || undefined);
  t.deepEqual([bodies[1]?.closes, bodies[2]?.closes], [[], []]);
});
