// What a connection does with its peer's frames, where no rule is broken.
import test from 'ava';
import { ERROR_CODE, FRAME as TYPE } from '../../../proxy/http2/protocol.ts';
import type { StreamObserver } from '../../../proxy/http2/stream-observer.ts';
import { frame, FRAME, literalHeader } from '../../helpers/clients/http2-frames.ts';
import {
  connectFrame,
  goawayCode,
  KeepingReceiver,
  PREFACE,
  rawPeer,
  resetCode,
  settled,
  uint32,
} from './harness.ts';

const NOBODY: StreamObserver = { headers: () => true, ended() {} };
const OK = frame({ type: FRAME.headers, flags: 4, stream: 1, payload: Buffer.of(0x88) });
const ping = (value: number): Buffer => frame({ type: FRAME.ping, payload: uint32(0, value) });

test('a peer that asks for answers and reads none loses its connection, and nothing else breaks', async (t) => {
  const { peer, connection, heard, clock, frames } = rawPeer({
    // Only the backlog of answers is in question here.
    limits: { flood: { burst: 1_000_000_000, perSecond: 1 } },
  });
  peer.pause();
  peer.write(PREFACE);
  const flood = Buffer.concat(Array.from({ length: 10_000 }, (_, at) => ping(at)));
  for (let round = 0; round < 20 && !connection.isClosed; round += 1) {
    peer.write(flood);
    await settled();
  }
  t.true(connection.isClosed);
  await clock.advance(2_000);
  t.like(heard.closed?.error, { code: 'ENHANCE_YOUR_CALM' });
  peer.resume();
  await settled();
  const answers = frames().filter(({ type }) => type === TYPE.PING);
  t.true(answers.length < 110_000, 'what waited is bounded');
});

test('what came before RST_STREAM NO_ERROR is handed to a receiver that comes later', async (t) => {
  const { connection, send, budget } = rawPeer({ role: 'client' });
  const stream = connection.connect('a:1', NOBODY);
  const last = frame({ type: FRAME.data, flags: 1, stream: 1, payload: Buffer.from('hello') });
  await send(
    frame({ type: FRAME.settings }),
    OK,
    last,
    frame({ type: FRAME.reset, stream: 1, payload: uint32(ERROR_CODE.NO_ERROR) }),
  );
  t.true(stream?.isClosed);
  t.is(budget.totalBytes, 5);
  if (stream === undefined) return t.fail();
  const receiver = new KeepingReceiver(stream);
  t.is(receiver.text, 'hello');
  t.is(receiver.remoteEnds, 1);
  t.deepEqual(receiver.ends, ['unread']);
  t.is(budget.totalBytes, 0);
});

test('what came with a request that is refused is held by nobody', async (t) => {
  const { send, budget, connection, heard, frames } = rawPeer();
  const body = (stream: number, flags: number): Buffer =>
    frame({ type: FRAME.data, flags, stream, payload: Buffer.alloc(1000) });
  await send(PREFACE, connectFrame(1), body(1, 1), connectFrame(3), body(3, 0));
  t.is(budget.totalBytes, 2000);
  for (const stream of heard.streams) connection.respond(stream, 401, true);
  t.is(budget.totalBytes, 0);
  t.is(connection.openStreams, 0);
  await settled();
  t.is(resetCode(frames(), 1), undefined);
  t.is(resetCode(frames(), 3), ERROR_CODE.NO_ERROR);
});

test('what a receiver will never write any more is given up with reset, though all has ended', async (t) => {
  const { send, budget, heard, connection } = rawPeer();
  await send(PREFACE, connectFrame(1));
  const [stream] = heard.streams;
  if (stream === undefined) return t.fail();
  const receiver = new KeepingReceiver(stream, { consumes: false });
  await send(frame({ type: FRAME.data, flags: 1, stream: 1, payload: Buffer.alloc(500) }));
  stream.end();
  t.deepEqual(receiver.ends, ['ended']);
  t.is(budget.totalBytes, 500, 'it may still be writing');
  stream.reset(ERROR_CODE.CONNECT_ERROR);
  t.is(budget.totalBytes, 0);
  t.is(connection.openStreams, 0);
});

test('SETTINGS are acknowledged, and a PING comes back as it went', async (t) => {
  const { send, frames } = rawPeer();
  await send(PREFACE, ping(7));
  const acks = frames().filter(({ flags, type }) => flags === 1 && type !== TYPE.DATA);
  t.deepEqual(
    acks.map(({ type, payload }) => [type, payload.toString('hex')]),
    [
      [TYPE.SETTINGS, ''],
      [TYPE.PING, '0000000000000007'],
    ],
  );
});

test('other requests are answered with 400; too many of them end the connection', async (t) => {
  const { send, frames, connection, heard } = rawPeer({
    limits: { flood: { burst: 20, perSecond: 1 } },
  });
  const get = (stream: number): Buffer => {
    // GET / https, of the static table.
    const fields = Buffer.concat([Buffer.of(0x82, 0x84, 0x87), literalHeader(':authority', 'a')]);
    return frame({ type: FRAME.headers, flags: 5, stream, payload: fields });
  };
  await send(PREFACE, get(1));
  const answer = frames().find(({ type }) => type === TYPE.HEADERS);
  // The end of the encoder's table, and 400 of the static table.
  t.deepEqual(answer?.payload, Buffer.of(0x20, 0x8c));
  t.is(answer?.flags, 5);
  t.deepEqual(heard.streams, []);
  await send(...Array.from({ length: 30 }, (_, at) => get(3 + 2 * at)));
  t.is(goawayCode(frames()), ERROR_CODE.ENHANCE_YOUR_CALM);
  t.true(connection.isClosed);
});

for (const [step, isFlood] of [
  [1, true],
  [255, true],
  [256, false],
] as const) {
  test(`a peer that opens its window by ${step} is ${isFlood ? 'a flood' : 'served'}`, async (t) => {
    const { send, frames } = rawPeer({
      limits: { flood: { burst: 20, perSecond: 1 } },
      onConnect: (stream) => {
        stream.sendHead([[':status', '200']], false);
        stream.write(Buffer.alloc(64 * 1024));
      },
    });
    const noWindow = frame({
      type: FRAME.settings,
      payload: Buffer.concat([Buffer.of(0, 4), uint32(0)]),
    });
    await send(PREFACE, noWindow, connectFrame(1));
    const more = frame({ type: FRAME.windowUpdate, stream: 1, payload: uint32(step) });
    for (let round = 0; round < 100; round += 1) await send(more);
    t.is(goawayCode(frames()), isFlood ? ERROR_CODE.ENHANCE_YOUR_CALM : undefined);
  });
}

test('a peer may not have more streams than it was allowed', async (t) => {
  const { send, frames, heard } = rawPeer({ limits: { maxConcurrentStreams: 2 } });
  await send(PREFACE, connectFrame(1), connectFrame(3), connectFrame(5));
  t.is(heard.streams.length, 2);
  t.is(resetCode(frames(), 5), ERROR_CODE.REFUSED_STREAM);
  heard.streams[0]?.reset(ERROR_CODE.CANCEL);
  await send(connectFrame(7));
  t.is(heard.streams.length, 3);
});

test('behind the last GOAWAY no stream is served, and those that are here are', async (t) => {
  const { send, frames, heard, connection } = rawPeer();
  await send(PREFACE, connectFrame(1));
  connection.goaway('everything');
  await send(connectFrame(3));
  connection.goaway('what-is-here');
  await send(connectFrame(5));
  t.is(heard.streams.length, 2);
  t.is(resetCode(frames(), 5), ERROR_CODE.REFUSED_STREAM);
  const lastIds = frames()
    .filter(({ type }) => type === TYPE.GOAWAY)
    .map(({ payload }) => payload.readUInt32BE(0));
  t.deepEqual(lastIds, [2 ** 31 - 1, 3]);
});

test('a GOAWAY refuses the streams that the peer has not seen', async (t) => {
  const { send, connection, heard } = rawPeer({ role: 'client' });
  const ends: string[] = [];
  for (let count = 0; count < 3; count += 1) {
    const observer: StreamObserver = {
      headers: () => true,
      ended: (end) => void ends.push(`${count} ${end.kind}`),
    };
    connection.connect('a:1', observer);
  }
  await send(frame({ type: FRAME.settings }), frame({ type: 7, payload: uint32(1, 0) }));
  t.deepEqual(ends, ['1 reset', '2 reset']);
  t.deepEqual(heard.goaways, [0]);
  t.is(connection.openStreams, 1);
});

test('a connection that is destroyed loses its streams, each once', async (t) => {
  const { send, connection, heard, budget } = rawPeer();
  await send(PREFACE, connectFrame(1));
  const [stream] = heard.streams;
  if (stream === undefined) return t.fail();
  const receiver = new KeepingReceiver(stream, { consumes: false });
  await send(frame({ type: FRAME.data, stream: 1, payload: Buffer.alloc(10) }));
  connection.destroy();
  await settled();
  t.deepEqual(receiver.ends, ['lost']);
  t.is(budget.totalBytes, 0);
  t.is(heard.streamsClosed, 1);
  t.deepEqual(heard.closed, { error: undefined });
});

test('what comes after the end is thrown away up to the window, and then the connection with it', async (t) => {
  const windowBytes = 100_000;
  const { send, frames, heard } = rawPeer({ limits: { connectionWindowBytes: windowBytes } });
  await send(PREFACE, frame({ type: FRAME.ping, stream: 1, payload: Buffer.alloc(8) }));
  t.is(goawayCode(frames()), ERROR_CODE.PROTOCOL_ERROR);
  await send(Buffer.alloc(windowBytes));
  t.is(heard.closed, undefined, 'an honest peer may have that much under way');
  await send(Buffer.alloc(1));
  t.truthy(heard.closed);
});

test('a receiver that throws at the end of a connection keeps the others from nothing', async (t) => {
  const { connection, heard, send } = rawPeer({
    onConnect(stream) {
      const receiver = new KeepingReceiver(stream);
      receivers.push(receiver);
      if (receivers.length > 1) return;
      receiver.closed = () => {
        throw new Error('it is broken');
      };
    },
  });
  const receivers: KeepingReceiver[] = [];
  await send(PREFACE, frame({ type: FRAME.settings }));
  await send(connectFrame(1), connectFrame(3), connectFrame(5));
  t.is(receivers.length, 3);
  t.throws(() => connection.destroy(), { message: 'it is broken' });
  t.deepEqual(
    receivers.slice(1).map(({ ends }) => ends),
    [['lost'], ['lost']],
  );
  await settled();
  t.truthy(heard.closed, 'its owner hears of the end');
});
