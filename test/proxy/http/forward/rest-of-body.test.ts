/** What is left of a request's body once its answer has begun, or is whole: it has bounds as well. */
import test from 'ava';
import { responseHead } from './fake-exchanges.ts';
import { forwardWorld } from './forwarding.ts';

const POST = { method: 'POST' } as const;

/** As a sidecar has it. */
const UNBOUNDED = { bodyBytes: Infinity, requestMs: 0, responseMs: 0, idleMs: 0 };

test('a body that goes beyond the limit within the answer breaks it off', async (t) => {
  const { reach, done } = forwardWorld();
  const { client, service } = await reach(POST, false);
  service.receiver.responded(responseHead(), false);
  t.true(client.data('x'.repeat(1_000)));
  t.deepEqual(client.calls, ['start']);
  t.false(client.data('x'));
  t.deepEqual(client.calls, ['start', 'reset']);
  t.deepEqual(service.calls, ['reset']);
  t.like(done[0], { status: 200, isCutShort: true, refusal: { reason: 'body-too-large' } });
});

test('a body that goes beyond the limit after the answer is not read further, and the answer stays whole', async (t) => {
  const { reach, done } = forwardWorld();
  const { client, service } = await reach(POST, false);
  service.receiver.responded(responseHead(), true);
  client.data('x'.repeat(1_001));
  t.deepEqual(client.calls, ['start', 'close']);
  t.deepEqual(service.calls, ['reset']);
  client.data('y');
  t.is(client.consumedBytes, 1_002, 'what was under way is thrown away');
  client.closeAs('ended');
  t.like(done[0], { isCutShort: false, isGivenUp: false, refusal: { reason: 'body-too-large' } });
});

test('what a WebSocket carries is no body', async (t) => {
  const { reach } = forwardWorld();
  const { client, service } = await reach({ upgrade: 'websocket' }, false);
  service.receiver.responded(responseHead({ status: 101 }), false);
  t.true(client.data('x'.repeat(2_000)));
  t.deepEqual(client.calls, ['start']);
});

test('without a bound on the request, the rest of a body goes on as long as it moves', async (t) => {
  const { reach, clock, done } = forwardWorld({ limits: UNBOUNDED });
  const { client, service } = await reach(POST, false);
  service.receiver.responded(responseHead(), true);
  for (let round = 0; round < 10; round += 1) {
    await clock.advance(29_000);
    client.data('x');
  }
  service.takes = false;
  client.data('y');
  await clock.advance(29_999);
  t.is(done.length, 0);
  await clock.advance(1);
  t.deepEqual(client.calls, ['start', 'reset']);
  t.deepEqual(service.calls, ['reset']);
  t.like(done[0], { refusal: undefined, isGivenUp: false });
});

test('without a bound on the request, the rest of a body behind an answer of ours is not waited for for ever', async (t) => {
  const { begin, settle, clock, done } = forwardWorld({
    limits: UNBOUNDED,
    failure: new Error('nobody is there'),
  });
  const { client } = begin({ ...POST, contentLength: 10 }, false);
  await settle();
  t.is(client.response?.head.status, 502);
  t.deepEqual(client.calls, ['start', 'end']);
  await clock.advance(29_999);
  t.is(done.length, 0);
  await clock.advance(1);
  t.is(client.calls.at(-1), 'reset');
  t.is(done.length, 1);
});

test('a service that answers and never takes a whole body is left, and one that takes it slowly is not', async (t) => {
  const { reach, clock, done } = forwardWorld();
  const ended = async () => {
    const both = await reach(POST, false);
    both.service.takes = false;
    both.client.data('four');
    both.client.receiver?.end();
    both.service.receiver.responded(responseHead(), true);
    both.client.closeAs('ended');
    return both;
  };
  const stuck = await ended();
  const slow = await ended();
  t.is(done.length, 2, 'the client has its answer');
  for (let round = 0; round < 4; round += 1) {
    await clock.advance(29_000);
    slow.service.receiver.written(1);
  }
  t.deepEqual(stuck.service.calls, ['end', 'reset']);
  t.deepEqual(slow.service.calls, ['end']);
  slow.service.closeAs('ended');
  await clock.advance(30_000);
  t.deepEqual(slow.service.calls, ['end']);
});
