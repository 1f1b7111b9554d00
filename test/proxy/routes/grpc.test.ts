// gRPC through routes, on plain sockets: one channel is one connection, and its calls are balanced one by one.
import { once } from 'node:events';
import { status as GRPC } from '@grpc/grpc-js';
import test from 'ava';
import type { Route } from '../../../common/routes/route.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { openChannel, startGrpcApp } from '../../helpers/servers/grpc-app.ts';
import { routes, rule, startRoutes, type RoutesUnderTest } from './routes-under-test.ts';

const GRPC_ROUTE: Route['kind'] = 'grpc';

async function addThree(t: Parameters<typeof startRoutes>[0], { add }: RoutesUnderTest) {
  const apps = [];
  for (const name of ['a', 'b', 'c']) {
    const app = await startGrpcApp(t, name);
    add(name, app.port);
    apps.push(app);
  }
  return apps;
}

test('the calls of one channel reach all endpoints, about as many each', async (t) => {
  const under = await startRoutes(t);
  const apps = await addThree(t, under);
  const channel = openChannel(t, under.port);
  for (let at = 0; at < 30; at += 1) {
    const calls = Array.from({ length: 10 }, () => channel.name());
    for (const { code } of await Promise.all(calls)) t.is(code, GRPC.OK);
  }
  for (const { calls } of apps) t.true(calls > 70 && calls < 130, String(calls));
  t.is((await under.metrics()).sum('hauberk_route_requests_total', { status: '2xx' }), 300);
});

test('messages go to and fro, and a half-close reaches the service while its answer goes on', async (t) => {
  const under = await startRoutes(t);
  under.add('a', (await startGrpcApp(t, 'a')).port);
  const call = openChannel(t, under.port).chat();
  const heard: string[] = [];
  call.on('data', (message: Buffer) => heard.push(message.toString()));
  for (const word of ['one', 'two']) {
    call.write(Buffer.from(word));
    await eventually(`an answer to ${word}`, () => heard.includes(`a:${word}`) || undefined);
  }
  const ended = once(call, 'status');
  call.end();
  const [{ code }] = (await within('the end of the call', ended)) as [{ code: number }];
  t.is(code, GRPC.OK);
  t.deepEqual(heard, ['a:one', 'a:two', 'a ends']);
});

test('a call that its client cancels is cancelled at the service', async (t) => {
  const under = await startRoutes(t);
  const app = await startGrpcApp(t, 'a');
  under.add('a', app.port);
  const call = openChannel(t, under.port).chat();
  call.on('error', () => {});
  call.write(Buffer.from('one'));
  await once(call, 'data');
  t.is(app.chats, 1);
  call.cancel();
  await eventually('the service heard of it', () => app.chats === 0 || undefined);
});

test('a code that a route names is asked for again, elsewhere', async (t) => {
  const retry = { codes: [GRPC.UNAVAILABLE], attempts: 3, backoffMs: 1 };
  const under = await startRoutes(t, routes([rule({ retry })], {}, GRPC_ROUTE));
  const bad = await startGrpcApp(t, 'bad', () => GRPC.UNAVAILABLE);
  under.add('bad', bad.port);
  under.add('good', (await startGrpcApp(t, 'good')).port);
  const channel = openChannel(t, under.port);
  for (let at = 0; at < 20; at += 1) t.is((await channel.name()).message, 'good');
  t.true(bad.calls > 0);
});

test('a code that is not named is the answer, and no call is made twice', async (t) => {
  const retry = { codes: [GRPC.UNAVAILABLE], attempts: 3, backoffMs: 1 };
  const under = await startRoutes(t, routes([rule({ retry })], {}, GRPC_ROUTE));
  const app = await startGrpcApp(t, 'a', () => GRPC.ABORTED);
  under.add('a', app.port);
  const { code, details } = await openChannel(t, under.port).name();
  t.is(code, GRPC.ABORTED);
  t.is(details, 'it is a');
  t.is(app.calls, 1);
});

test('answers of ours are those of gRPC: limits, faults, time-outs, no endpoint', async (t) => {
  const under = await startRoutes(t);
  const channel = openChannel(t, under.port);
  t.is((await channel.name()).code, GRPC.UNAVAILABLE);
  const app = await startGrpcApp(t, 'a');
  under.add('a', app.port);
  const abort = { httpStatus: 503, grpcStatus: GRPC.DATA_LOSS, percentage: 100 };
  under.set(routes([rule({ faultInjection: { abort } })]));
  const faulted = await channel.name();
  t.is(faulted.code, GRPC.DATA_LOSS);
  t.is(faulted.details, 'fault injected by the route');
  under.set(routes([rule()], { rateLimit: { requests: 1, intervalMs: 3_600_000 } }));
  t.is((await channel.name()).code, GRPC.OK);
  t.is((await channel.name()).code, GRPC.RESOURCE_EXHAUSTED);
  const delay = { fixedDelayMs: 10_000, percentage: 100 };
  under.set(routes([rule({ faultInjection: { delay } })]));
  t.is((await channel.name({ deadlineMs: 100 })).code, GRPC.DEADLINE_EXCEEDED);
  t.is(app.calls, 1);
});

test('calls are counted by their status, whether it is in a head or in trailers, and what was cut short is incomplete', async (t) => {
  const under = await startRoutes(t);
  const codes = [undefined, GRPC.NOT_FOUND, undefined];
  const app = await startGrpcApp(t, 'a', (before) => codes[before]);
  under.add('a', app.port);
  const channel = openChannel(t, under.port);
  for (const code of codes) t.is((await channel.name()).code, code ?? GRPC.OK);
  const call = channel.chat();
  call.on('error', () => {});
  call.write(Buffer.from('one'));
  await once(call, 'data');
  const ended = new Promise<number>((resolve) => {
    call.on('status', ({ code }) => resolve(code));
  });
  app.stop();
  const code = await within('the end of the call', ended);
  t.is(code, GRPC.UNAVAILABLE, 'and no mistake of the service');
  await eventually('the call was counted', () => under.counted.length === 4 || undefined);
  t.deepEqual(
    under.counted.map(({ protocol, method, status }) => `${protocol} ${method} ${status}`),
    ['grpc POST OK', 'grpc POST NOT_FOUND', 'grpc POST OK', 'grpc POST incomplete'],
  );
});

test('an endpoint that ends takes no later call with it, and its streams fail at once', async (t) => {
  const under = await startRoutes(t);
  const [first, ...others] = await addThree(t, under);
  const channel = openChannel(t, under.port);
  while (first?.chats === 0) {
    const call = channel.chat();
    call.on('error', () => {});
    call.write(Buffer.from('x'));
    await once(call, 'data');
  }
  first?.stop();
  const before = first?.calls;
  for (let at = 0; at < 3; at += 1) {
    const calls = await Promise.all(Array.from({ length: 10 }, () => channel.name()));
    t.true(calls.every(({ code }) => code === GRPC.OK));
  }
  t.is(first?.calls, before);
  t.true(others.every(({ calls }) => calls > 0));
});
