/** One request of a client joined with requests to services: what each end sees of what the other does. */
import test from 'ava';
import { refusal } from '../../../../proxy/http/forward/refusal.ts';
import type { Field } from '../../../../proxy/http/message.ts';
import { responseHead } from './fake-exchanges.ts';
import { forwardWorld, lastOf } from './forwarding.ts';

const POST = { method: 'POST' } as const;

test('heads, bodies and trailers go through, and each end gets its bytes back when they are gone', async (t) => {
  const { reach, done } = forwardWorld();
  const { client, service, request } = await reach({ ...POST, contentLength: 5 }, false);
  t.like(service.head, { method: 'POST', target: '/', contentLength: 5 });
  t.false(service.isWhole);
  t.true(client.data('hello'));
  t.is(client.consumedBytes, 5);
  client.receiver?.end([
    ['X-Sum', '1'],
    ['Authorization', 'forged'],
  ]);
  t.deepEqual(service.written, ['hello']);
  t.deepEqual(service.trailers, [['X-Sum', '1']]);
  service.receiver.responded(responseHead({ status: 201, reason: 'Made' }), false);
  t.like(client.response, { head: { status: 201, reason: 'Made' }, isWhole: false });
  client.takes = false;
  t.false(service.data('answer'));
  t.is(service.consumedBytes, 0, 'the client has not taken it');
  client.receiver?.written(6);
  t.is(service.consumedBytes, 6);
  service.receiver.end([['X-Sum', '2']]);
  t.deepEqual(client.trailers, [['X-Sum', '2']]);
  service.closeAs('ended');
  client.closeAs('ended');
  t.is(done.length, 1);
  t.like(request, { status: 201, requestBytes: 5, responseBytes: 6, isGivenUp: false, tries: 1 });
  t.false(request.isTakenBack);
  t.is(request.refusal, undefined);
});

test('interim answers pass', async (t) => {
  const { reach } = forwardWorld();
  const { client, service } = await reach();
  service.receiver.informed(responseHead({ status: 103, fields: [['Link', '</a.css>']] }));
  t.like(lastOf(client.informed), { status: 103 });
  service.answer('page');
  t.is(client.response?.head.status, 200);
});

test('a client that gave up before it was its turn reaches no service', async (t) => {
  const { begin, done, signals, settle, connections } = forwardWorld();
  const { request } = begin({}, true, true);
  await settle();
  t.deepEqual([signals.length, connections.length, done.length], [0, 0, 1]);
  t.like(request, { isGivenUp: true, tries: 0, status: 0, refusal: undefined });
});

for (const [when, begins] of [
  ['before the answer', false],
  ['within the answer', true],
] as const) {
  test(`a client that gives up ${when} ends the request to the service, and it is not repeated`, async (t) => {
    const { reach, done, connections } = forwardWorld();
    const { client, service, request, connection } = await reach();
    if (begins) service.receiver.responded(responseHead(), false);
    client.closeAs('reset');
    t.deepEqual(service.calls, ['reset']);
    connection.end();
    t.is(connections.length, 1);
    t.is(connection.exchanges.length, 1);
    t.is(done.length, 1);
    t.true(request.isGivenUp);
    t.true(request.isTakenBack);
  });
}

test('a client that goes with its answer, but has not sent all of its body, resets what reads it', async (t) => {
  const { reach } = forwardWorld();
  const { client, service, request } = await reach(POST, false);
  service.receiver.responded(responseHead({ status: 404 }), true);
  client.closeAs('reset');
  t.deepEqual(service.calls, ['reset']);
  t.like(request, { isGivenUp: false, isTakenBack: true });
});

test('a client that gives up while the connection is made has it given up too', async (t) => {
  const { begin, signals, settle, connections, done } = forwardWorld();
  const { client } = begin({});
  client.closeAs('reset');
  t.true(signals[0]?.aborted);
  await settle();
  t.is(connections.length, 0);
  t.is(done.length, 1);
});

for (const [kind, method, isAgain] of [
  ['refused', 'POST', true],
  ['refused', 'GET', true],
  ['stale', 'GET', true],
  ['stale', 'PUT', true],
  ['stale', 'DELETE', true],
  ['stale', 'MKCOL', true],
  ['stale', 'POST', false],
  ['stale', 'PATCH', false],
  ['lost', 'GET', false],
  ['reset', 'GET', false],
  ['malformed', 'GET', false],
] as const) {
  test(`${method}, ${kind}: ${isAgain ? 'sent again' : 'never sent again'}`, async (t) => {
    const { reach, connections, settle, done } = forwardWorld({ isShared: kind === 'refused' });
    const { client, service, connection } = await reach({ method, contentLength: 2 }, false);
    client.data('hi');
    client.receiver?.end();
    connection.capacity = 0;
    service.fail(kind);
    connection.end();
    await settle();
    t.is(connections.length, isAgain ? 2 : 1);
    if (!isAgain) {
      t.is(client.response?.head.status, 502);
      const [, error] =
        client.response?.head.fields.find(([name]) => name === 'Proxy-Status') ?? [];
      const expected = kind === 'malformed' ? 'http_protocol_error' : 'connection_terminated';
      t.is(error, `hauberk; error=${expected}`);
      client.closeAs('ended');
      t.is(
        done[0]?.refusal?.reason,
        kind === 'malformed' ? 'response-malformed' : 'service-failed',
      );
      return;
    }
    const again = lastOf(lastOf(connections).exchanges);
    t.deepEqual(again.written, ['hi']);
    t.true(again.calls.includes('end'));
    t.is(client.consumedBytes, 2, 'each byte was given back once');
    again.answer('well');
    t.is(client.response?.head.status, 200);
  });
}

for (const isRefused of [false, true]) {
  const what = isRefused ? 'is refused meanwhile is not sent again' : 'is waited for is sent again';
  test(`after the pause before a retry a request that ${what}`, async (t) => {
    const { reach, connections, clock } = forwardWorld({ retryAfterMs: 100 });
    const { client, service, connection, request } = await reach(POST, false);
    client.data('half');
    service.fail('lost');
    connection.end();
    if (isRefused) request.giveUp(refusal('service-late'));
    t.is(client.response?.head.status, isRefused ? 504 : undefined);
    await clock.advance(100);
    t.is(connections.length, isRefused ? 1 : 2);
    t.is(request.tries, isRefused ? 1 : 2);
  });
}

test('a body that is too large to keep is not sent again', async (t) => {
  const { reach, connections, settle } = forwardWorld({
    isShared: true,
    limits: { bodyBytes: 100_000 },
  });
  const { client, service, connection } = await reach(POST, false);
  client.data('x'.repeat(17_000));
  service.fail('refused');
  connection.end();
  await settle();
  t.is(connections.length, 1);
  t.is(client.response?.head.status, 502);
});

test('a service that always refuses is not asked for ever', async (t) => {
  const { reach, connections, settle } = forwardWorld({ isShared: true });
  const { client } = await reach();
  for (let round = 0; round < 10 && client.response === undefined; round += 1) {
    const connection = lastOf(connections);
    connection.capacity = 0;
    lastOf(connection.exchanges).fail('refused');
    connection.end();
    await settle();
  }
  t.is(connections.length, 3);
  t.is(client.response?.head.status, 502);
});

test('an answer that breaks off is never ended', async (t) => {
  const { reach, done } = forwardWorld();
  const { client, service } = await reach();
  service.receiver.responded(responseHead(), false);
  service.data('half');
  service.fail('lost');
  t.deepEqual(client.calls, ['start', 'reset']);
  t.is(done[0]?.refusal?.reason, 'service-failed');
});

test('an early answer is passed on, and the body goes on until the service reads no more', async (t) => {
  const { reach, done } = forwardWorld();
  const { client, service, request } = await reach(POST, false);
  service.receiver.responded(responseHead(), false);
  service.data('enough');
  service.receiver.end();
  t.deepEqual(client.calls, ['start', 'end']);
  client.data('more');
  t.deepEqual(service.written, ['more']);
  service.closeAs('unread');
  t.deepEqual(client.calls, ['start', 'end', 'close']);
  client.closeAs('ended');
  t.is(done.length, 1);
  t.false(request.isGivenUp);
});

test('a client that holds its body back is not waited for after another answer', async (t) => {
  const { reach, done } = forwardWorld();
  const fields: readonly Field[] = [['Expect', '100-continue']];
  const { client, service } = await reach({ ...POST, contentLength: 5, fields }, false);
  service.receiver.responded(responseHead({ status: 417 }), true);
  t.deepEqual(client.calls, ['start', 'close']);
  t.deepEqual(service.calls, ['reset']);
  client.closeAs('ended');
  t.like(done[0], { status: 417, isGivenUp: false });
  const other = await reach({ ...POST, contentLength: 5, fields }, false);
  other.service.receiver.informed(responseHead({ status: 100 }));
  other.service.receiver.responded(responseHead(), true);
  t.deepEqual(other.client.calls, ['start'], 'this one was told to send it');
});

test('the rest of a body after the answer is not waited for for ever', async (t) => {
  const { reach, clock, done } = forwardWorld();
  const { client, service } = await reach(POST, false);
  service.receiver.responded(responseHead(), false);
  service.receiver.end();
  await clock.advance(19_999);
  client.data('still here');
  t.is(done.length, 0);
  await clock.advance(1);
  t.deepEqual(client.calls, ['start', 'end', 'reset']);
  t.deepEqual(service.calls, ['reset']);
});

const UPGRADE = { upgrade: 'websocket' } as const;

test('an upgrade: what comes before the 101 waits for it, and then both directions are open', async (t) => {
  const { reach, done } = forwardWorld();
  const { client, service } = await reach(UPGRADE, false);
  t.false(client.data('early'));
  t.deepEqual(service.written, []);
  service.receiver.responded(responseHead({ status: 101, upgrade: 'websocket' }), false);
  t.deepEqual(service.written, ['early']);
  client.data(' bird');
  service.data('worm');
  t.deepEqual(service.written, ['early', ' bird']);
  t.deepEqual(client.written, ['worm']);
  service.receiver.end();
  t.deepEqual(client.calls, ['start', 'end']);
  client.data('!');
  client.receiver?.end();
  t.true(service.calls.includes('end'));
  service.closeAs('ended');
  client.closeAs('ended');
  t.like(done[0], { status: 101, isGivenUp: false });
});

test('an upgrade that is refused: what came early reaches nobody', async (t) => {
  const { reach } = forwardWorld();
  const { client, service } = await reach(UPGRADE, false);
  client.data('GET /smuggled');
  service.receiver.responded(responseHead({ status: 401 }), true);
  t.deepEqual(service.written, []);
  t.is(client.consumedBytes, 13);
});

test('an upgrade that is not answered is bounded like any request', async (t) => {
  const { reach, clock } = forwardWorld();
  const { client } = await reach(UPGRADE, false);
  await clock.advance(5_000);
  t.is(client.response?.head.status, 504);
});

test('an upgrade: a client that ends before the answer has given up', async (t) => {
  const { reach, done } = forwardWorld();
  const { client, service } = await reach(UPGRADE, false);
  client.receiver?.end();
  t.deepEqual(service.calls, ['reset']);
  t.true(client.calls.includes('reset'));
  t.true(done[0]?.isGivenUp);
});

test('413 for a body that is too large, as soon as that is known', async (t) => {
  const { begin, reach, connections } = forwardWorld();
  const told = begin({ ...POST, contentLength: 1_001 }, false);
  t.is(told.client.response?.head.status, 413);
  t.is(connections.length, 0);
  const { client, service } = await reach(POST, false);
  client.data('x'.repeat(1_001));
  t.is(client.response?.head.status, 413);
  t.true(client.calls.includes('close'));
  t.deepEqual(service.calls, ['reset']);
});

test('408 for a body that does not come, 504 for one that is not taken, and for an answer that does not come', async (t) => {
  const { reach, clock } = forwardWorld();
  const slow = await reach(POST, false);
  slow.client.data('x');
  const stuck = await reach(POST, false);
  stuck.service.takes = false;
  stuck.client.data('x');
  const silent = await reach();
  await clock.advance(4_999);
  t.is(silent.client.response, undefined);
  await clock.advance(1);
  t.is(silent.client.response?.head.status, 504);
  await clock.advance(15_000);
  t.is(slow.client.response?.head.status, 408);
  t.is(stuck.client.response?.head.status, 504);
});

test('a stream lives while anything moves, and is reset when nothing does', async (t) => {
  const { reach, clock, done } = forwardWorld();
  const { client, service } = await reach(POST, false);
  service.receiver.responded(responseHead(), false);
  for (let round = 0; round < 5; round += 1) {
    await clock.advance(9_000);
    if (round % 2 === 0) client.data('x');
    else service.data('y');
  }
  await clock.advance(9_999);
  t.is(done.length, 0);
  await clock.advance(1);
  t.is(done[0]?.refusal?.reason, 'stream-idle');
  t.deepEqual(client.calls, ['start', 'reset']);
  t.deepEqual(service.calls, ['reset']);
});

test('no connection: 502, and gRPC is told in its own words', async (t) => {
  const { begin, settle } = forwardWorld({ failure: new Error('nobody is there') });
  const { client } = begin({});
  const grpc = begin({ ...POST, fields: [['Content-Type', 'application/grpc+proto']] });
  await settle();
  t.is(client.response?.head.status, 502);
  t.deepEqual(client.written, ['502 Bad Gateway\n']);
  t.like(grpc.client.response, { head: { status: 200 }, isWhole: true });
  t.deepEqual(grpc.client.response?.head.fields, [
    ['Content-Type', 'application/grpc'],
    ['grpc-status', '14'],
    ['grpc-message', 'the service could not be reached'],
    ['Proxy-Status', 'hauberk; error=connection_refused'],
  ]);
});
