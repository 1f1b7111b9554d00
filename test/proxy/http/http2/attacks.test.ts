// What makes the server work and asks for nothing costs the client its connection, and nothing else: another client is
// served meanwhile, and nothing is held.
import test, { type ExecutionContext } from 'ava';
import type { ServerExchange } from '../../../../proxy/http/exchange.ts';
import { ERROR_CODE } from '../../../../proxy/http2/protocol.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { frame, literalHeader } from '../../../helpers/clients/http2-frames.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { goawayCode, uint32 } from '../../http2/harness.ts';
import { ask, dial, echo, listen, receive, responseHead } from './harness.ts';
import { data, GET, headers, POST, rawClient, reset, setting } from './raw-peer.ts';

/** What is sent first, and what then comes again and again, by its count. */
interface Attack {
  readonly first?: Buffer;
  readonly next: (count: number) => Buffer;
}

const get = (stream: number): Buffer => headers(stream, GET, { endStream: true });
const windowUpdate = (stream: number, bytes: number): Buffer =>
  frame({ type: 8, stream, payload: uint32(bytes) });
/** Fills the table with one entry, which 0xbe repeats. */
const LARGE_ENTRY = frame({
  type: 1,
  flags: 5,
  stream: 1,
  payload: Buffer.concat([
    headers(1, GET).subarray(9),
    Buffer.of(0x40, 1, 0x61, 0x7f, 0xa1, 0x1e),
    Buffer.alloc(4_000, 'v'),
  ]),
});

const ATTACKS: Readonly<Record<string, Attack>> = {
  'rapid reset': { next: (count) => Buffer.concat([get(2 * count + 1), reset(2 * count + 1)]) },
  'streams that are made to break by a window': {
    next: (count) => Buffer.concat([headers(2 * count + 1, POST), windowUpdate(2 * count + 1, 0)]),
  },
  'streams that are made to break by their length': {
    next: (count) =>
      Buffer.concat([
        headers(2 * count + 1, [...POST, ['content-length', '1']]),
        data(2 * count + 1, 'ab'),
      ]),
  },
  'malformed requests': { next: (count) => headers(2 * count + 1, [...GET, ['X', '1']]) },
  'CONTINUATION without end': {
    first: frame({ type: 1, stream: 1, payload: headers(1, GET).subarray(9) }),
    next: () => frame({ type: 9, stream: 1, payload: literalHeader('a', 'b') }),
  },
  'empty CONTINUATION': {
    first: frame({ type: 1, stream: 1 }),
    next: () => frame({ type: 9, stream: 1 }),
  },
  SETTINGS: { next: () => frame({ type: 4 }) },
  PING: { next: () => frame({ type: 6, payload: Buffer.alloc(8) }) },
  PRIORITY: { next: () => frame({ type: 2, stream: 1, payload: Buffer.of(0, 0, 0, 3, 1) }) },
  'frames of unknown types': { next: () => frame({ type: 200 }) },
  'empty DATA': { first: headers(1, POST), next: () => frame({ type: 0, stream: 1 }) },
  'windows that grow by one byte': {
    first: headers(1, POST),
    next: (count) => windowUpdate(count % 2, 1),
  },
  'INITIAL_WINDOW_SIZE back and forth': {
    first: Buffer.concat(Array.from({ length: 50 }, (_, at) => headers(2 * at + 1, POST))),
    next: (count) => setting(4, count % 2 === 0 ? 0 : 2 ** 31 - 1),
  },
  'HPACK bomb': {
    first: LARGE_ENTRY,
    next: (count) =>
      frame({ type: 1, flags: 5, stream: 2 * count + 3, payload: Buffer.alloc(16_000, 0xbe) }),
  },
};

const PER_ROUND = 50;
const MOST_ROUNDS = 1_000;

for (const [what, { first, next }] of Object.entries(ATTACKS)) {
  test.serial(`costs the client its connection: ${what}`, async (t) => {
    await using served = await listen((exchange) => {
      if (exchange.request.target === '/good') echo(exchange);
      else receive(exchange);
    });
    const attacker = await rawClient(t, served.port);
    const bystander = await dial(t, served.port);
    if (first !== undefined) attacker.socket.write(first);
    let count = 0;
    for (let round = 0; round < MOST_ROUNDS && served.closed === 0; round += 1) {
      const parts = Array.from({ length: PER_ROUND }, () => next(count++));
      attacker.socket.write(Buffer.concat(parts));
      await new Promise((resolve) => setImmediate(resolve));
      if (goawayCode(attacker.frames()) !== undefined) break;
    }
    t.is(goawayCode(attacker.frames()), ERROR_CODE.ENHANCE_YOUR_CALM);
    attacker.socket.end();
    await eventually('the end of the connection', () => served.closed === 1 || undefined);
    const { response } = ask(bystander, { target: '/good' });
    await eventually('a response', () => response.isComplete || undefined);
    t.is(response.heads[0]?.status, 200);
    t.is(served.budget.totalBytes, 0);
  });
}

test.serial(
  'a client that reads in small steps, and one that pings now and then, are no attackers',
  async (t) => {
    await using served = await listen(echo);
    const client = await rawClient(t, served.port);
    await client.send(windowUpdate(0, 2 ** 30), headers(1, POST), windowUpdate(1, 2 ** 30));
    for (let round = 0; round < 100; round += 1) {
      const steps = Array.from({ length: 10 }, () => [
        windowUpdate(0, 4_096),
        windowUpdate(1, 4_096),
      ]);
      // The echo of 40,000 bytes, and what opens both windows as they are read.
      await client.send(data(1, 40_000), ...steps.flat());
    }
    t.is(goawayCode(client.frames()), undefined);
  },
);

/** Opens the windows of 100 downloads, each by so many bytes at a time, until a mebibyte has come or the connection ends. */
async function inCrumbs(t: ExecutionContext, open: (allBytes: number) => Buffer, bytes: number) {
  // No time passes, which would allow more.
  await using served = await listen(serveLarge, { clock: createManualClock() });
  const client = await rawClient(t, served.port);
  const requests = STREAMS.map((id) => headers(id, GET, { endStream: true }));
  await client.send(setting(4, 0), windowUpdate(0, 2 ** 30), ...requests);
  const rounds = MEBIBYTE / bytes / STREAMS.length;
  for (let round = 1; round <= rounds && served.closed === 0; round += 1) {
    client.socket.write(open(round * bytes));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const frames = await client.send();
  const sent = frames.filter(({ type, payload }) => type === 0 && payload.length > 0);
  return { end: goawayCode(frames), frames: sent.length };
}

const MEBIBYTE = 1024 * 1024;
const STREAMS = Array.from({ length: 100 }, (_, at) => 2 * at + 1);

/** More than the test asks for, written at once. */
function serveLarge(exchange: ServerExchange): void {
  receive(exchange);
  exchange.respond(responseHead(200), false);
  exchange.write(Buffer.alloc(32 * 1024), false, true);
}

for (const [what, open] of Object.entries({
  'WINDOW_UPDATE of each stream': (bytes: number) => () =>
    Buffer.concat(STREAMS.map((id) => windowUpdate(id, bytes))),
  'SETTINGS for all streams': () => (allBytes: number) => setting(4, allBytes),
})) {
  for (const bytes of [16, 32, 128]) {
    test.serial(`a download in crumbs of ${bytes} bytes by ${what} ends soon`, async (t) => {
      const { end, frames } = await inCrumbs(t, open(bytes), bytes);
      t.is(end, ERROR_CODE.ENHANCE_YOUR_CALM);
      t.true(frames <= 2_400, `${frames} frames`);
    });
  }

  for (const bytes of [256, 1_024]) {
    test.serial(`a download in pieces of ${bytes} bytes by ${what} is served`, async (t) => {
      const { end, frames } = await inCrumbs(t, open(bytes), bytes);
      t.is(end, undefined);
      t.true(frames <= MEBIBYTE / bytes, `${frames} frames`);
    });
  }
}

test('the request whose end makes a flood of it hears of its end too', async (t) => {
  const bodies: ReturnType<typeof receive>[] = [];
  await using served = await listen((exchange) => void bodies.push(receive(exchange)), {
    cancelled: { burst: 5, perSecond: 1 },
  });
  const client = await rawClient(t, served.port);
  const all = Array.from({ length: 20 }, (_, at) => {
    const id = 2 * at + 1;
    return Buffer.concat([get(id), reset(id)]);
  });
  await client.send(...all);
  await eventually('the flood has ended the connection', () => served.refusals.length > 0);
  t.true(bodies.length > 5);
  t.deepEqual(
    bodies.map(({ closes }) => closes.length),
    bodies.map(() => 1),
  );
});
