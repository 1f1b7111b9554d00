// A peer that answers and closes with our bytes unread sends its answer and a reset. The reset may show at a write of
// ours, before the answer was read.
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { connectPlaintext } from '../../../proxy/stream/connect-plaintext.ts';
import { loadPeerEnd, peerEnd } from '../../../proxy/stream/peer-end.ts';
import type { PlaintextStream } from '../../../proxy/stream/plaintext-stream.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startEarlyAnswer } from '../../helpers/servers/early-answer.ts';
import { Listener } from './stream-pairs.ts';

const ANSWER = Buffer.alloc(60_000, 'answer ');

async function connected(t: ExecutionContext): Promise<PlaintextStream> {
  const port = await startEarlyAnswer(t, ANSWER);
  const target = { address: '127.0.0.1', port, share: undefined };
  const options = { network: HOST_NETWORK, timeoutMs: 10_000, clock: systemClock };
  const stream = await connectPlaintext({ ...target, ...options }, new AbortController().signal);
  t.teardown(() => stream.reset());
  await loadPeerEnd();
  return stream;
}

/** Writes until the system knows of the reset, and once more, without a turn of the event loop in between. */
function writeIntoReset(t: ExecutionContext, stream: PlaintextStream, write: () => void): void {
  write();
  const endMs = systemClock.monotonicMs() + 10_000;
  while (peerEnd(stream) !== 'reset' && systemClock.monotonicMs() < endMs) write();
  t.is(peerEnd(stream), 'reset');
  write();
}

const chunk = Buffer.alloc(1_000);

test('what came before the reset is handed over, and the end is a reset', async (t) => {
  const stream = await connected(t);
  const listener = new Listener(stream);
  writeIntoReset(t, stream, () => void stream.write(chunk));
  t.is(listener.bytes, 0);
  await eventually('it is closed', () => listener.closes.length > 0 || undefined);
  t.is(listener.text, ANSWER.toString());
  t.deepEqual([listener.closes, listener.ends], [['reset'], 0]);
  t.true(stream.descriptor === undefined);
});

test('writes that fail behind the first one, and an end behind them, lose nothing', async (t) => {
  const stream = await connected(t);
  const listener = new Listener(stream);
  writeIntoReset(t, stream, () => void stream.write(chunk));
  stream.write(chunk);
  stream.end();
  t.is(listener.bytes, 0);
  await eventually('it is closed', () => listener.closes.length > 0 || undefined);
  t.is(listener.text, ANSWER.toString());
  t.deepEqual([listener.closes, listener.ends], [['reset'], 0]);
});

test('a reader that has had enough for a while gets the rest when it reads on', async (t) => {
  const stream = await connected(t);
  const listener = new Listener(stream, { isStalled: true });
  writeIntoReset(t, stream, () => void stream.write(chunk));
  await eventually('the first bytes', () => listener.bytes > 0 || undefined);
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  t.deepEqual(listener.closes, []);
  t.false(stream.write(chunk), 'nothing can be written any more');
  listener.take();
  await eventually('it is closed', () => listener.closes.length > 0 || undefined);
  t.is(listener.text, ANSWER.toString());
  t.deepEqual(listener.closes, ['reset']);
});

for (const end of ['close', 'reset'] as const) {
  test(`${end}() while the rest is read ends it at once`, async (t) => {
    const stream = await connected(t);
    const listener = new Listener(stream, { isStalled: true });
    writeIntoReset(t, stream, () => void stream.write(chunk));
    await eventually('the first bytes', () => listener.bytes > 0 || undefined);
    stream[end]();
    t.true(stream.descriptor === undefined);
    await eventually('it is closed', () => listener.closes.length > 0 || undefined);
    t.deepEqual(listener.closes, ['reset']);
  });
}
