// Requests of HTTP/1 through routes, on plain sockets: what a route does to a request and its tries.
import { connect } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { ask, startRecordingApp } from '../../helpers/servers/recording-app.ts';
import { routes, rule, startRoutes, WEB } from './routes-under-test.ts';

const CANARY = { namespace: 'shop', service: 'web-canary', port: 80 };

test('requests on one connection reach all endpoints, and a new endpoint from the next request on', async (t) => {
  const { port, add, remove } = await startRoutes(t);
  for (const name of ['a', 'b', 'c']) add(name, (await startRecordingApp(t, name)).port);
  const names = async (): Promise<string> => {
    const seen = new Set<string>();
    for (let at = 0; at < 60; at += 1) seen.add((await ask(port)).body);
    return [...seen].toSorted().join('');
  };
  t.is(await names(), 'abc');
  remove('b');
  t.is(await names(), 'ac');
  add('d', (await startRecordingApp(t, 'd')).port);
  t.is(await names(), 'acd');
});

test('weights share the requests, and a weight of 0 takes none', async (t) => {
  const { port, add, set } = await startRoutes(t);
  add('a', (await startRecordingApp(t, 'stable')).port);
  add('b', (await startRecordingApp(t, 'canary')).port, CANARY);
  const shares = async (stable: number, canary: number): Promise<number> => {
    const backends = [
      { ...WEB, weight: stable },
      { ...CANARY, weight: canary },
    ];
    set(routes([rule({ backends })]));
    let count = 0;
    for (let at = 0; at < 200; at += 1) if ((await ask(port)).body === 'canary') count += 1;
    return count;
  };
  const half = await shares(1, 1);
  t.true(half > 60 && half < 140, String(half));
  t.is(await shares(1, 0), 0);
  t.is(await shares(0, 3), 200);
});

test('a method, a path and fields are passed on as they came, and the answer as well', async (t) => {
  const { port, add } = await startRoutes(t);
  const app = await startRecordingApp(t, 'a', (response) => {
    response.writeHead(207, 'Many', { 'x-one': ['1', '2'] });
    response.end('done');
  });
  add('a', app.port);
  const headers = { 'X-Case': 'K\u00fche', 'content-type': 'text/x' };
  const answer = await ask(port, '/a%20b?c=/..', { method: 'PROPFIND', headers, body: 'hello' });
  t.is(answer.status, 207);
  t.is(answer.headers['x-one'], '1, 2');
  t.is(answer.body, 'done');
  const [request] = app.requests;
  t.is(request?.method, 'PROPFIND');
  t.is(request?.url, '/a%20b?c=/..');
  t.is(request?.headers['x-case'], 'K\u00fche');
  t.is(request?.headers['content-length'], '5');
  t.is(request?.headers.host, `127.0.0.1:${port}`);
  t.is(request?.body, 'hello');
});

test('a code that the route names is asked for again, body and all, after a pause', async (t) => {
  const retry = { codes: [503], attempts: 2, backoffMs: 1 };
  const { port, add, metrics } = await startRoutes(t, routes([rule({ retry })]));
  const app = await startRecordingApp(t, 'a', (response, _request, before) => {
    response.writeHead(before < 2 ? 503 : 200);
    response.end(`answer ${before}`);
  });
  add('a', app.port);
  const answer = await ask(port, '/', { method: 'POST', body: 'the body' });
  t.is(answer.body, 'answer 2');
  t.deepEqual(
    app.requests.map(({ body }) => body),
    ['the body', 'the body', 'the body'],
  );
  const samples = await metrics();
  t.is(samples.sum('hauberk_route_retries_total', { reason: 'code' }), 2);
  t.is(samples.sum('hauberk_route_requests_total', { status: '2xx' }), 1);
  t.is(samples.sum('hauberk_route_requests_active'), 0);
});

test('the last answer is passed on when the tries or the budget are used up', async (t) => {
  const retry = { codes: [503], attempts: 2, backoffMs: 1 };
  const { port, add, set, metrics } = await startRoutes(t, routes([rule({ retry })]));
  const app = await startRecordingApp(t, 'a', (response, _request, before) => {
    response.writeHead(503);
    response.end(`answer ${before}`);
  });
  add('a', app.port);
  const tried = await ask(port);
  t.is(tried.status, 503);
  t.is(tried.body, 'answer 2');
  const retryConstraint = {
    budget: { percent: 0, intervalMs: 10_000 },
    minRetryRate: { count: 0, intervalMs: 1_000 },
  };
  set(routes([rule({ retry })], { retryConstraint }));
  t.is((await ask(port)).body, 'answer 3');
  t.is((await metrics()).sum('hauberk_route_retries_over_budget_total'), 1);
});

test('a request that was broken off is sent again where that does no harm, and otherwise not', async (t) => {
  const retry = { codes: [], attempts: 3, backoffMs: 1 };
  const { port, add } = await startRoutes(t, routes([rule({ retry })]));
  const app = await startRecordingApp(t, 'a', (response, _request, before) => {
    if (before % 2 === 0) response.socket?.resetAndDestroy();
    else response.end('a');
  });
  add('a', app.port);
  t.is((await ask(port)).body, 'a');
  t.is(app.requests.length, 2);
  const answer = await ask(port, '/', { method: 'POST', body: 'once' });
  t.is(answer.status, 502);
  t.is(answer.headers['proxy-status'], 'hauberk; error=connection_terminated');
  t.is(app.requests.length, 3, 'the service has seen the POST once');
});

test('an endpoint that cannot be reached costs no request', async (t) => {
  const { port, add, metrics } = await startRoutes(t);
  const gone = await startRecordingApp(t, 'gone');
  add('gone', gone.port);
  await gone.close();
  add('a', (await startRecordingApp(t, 'a')).port);
  for (let at = 0; at < 20; at += 1) {
    t.is((await ask(port, '/', { method: 'POST', body: 'x' })).body, 'a');
  }
  t.true((await metrics()).sum('hauberk_route_retries_total', { reason: 'unsent' }) > 0);
});

test('an endpoint that fails in a row is put aside', async (t) => {
  const outlierDetection = {
    consecutive5xxErrors: 2,
    baseEjectionTimeMs: 60_000,
    maxEjectionPercent: 50,
  };
  const { port, add, metrics } = await startRoutes(t, routes([rule()], { outlierDetection }));
  const bad = await startRecordingApp(t, 'bad', (response) => {
    response.writeHead(500);
    response.end();
  });
  add('bad', bad.port);
  add('good', (await startRecordingApp(t, 'good')).port);
  for (let at = 0; at < 60; at += 1) await ask(port);
  t.is(bad.requests.length, 2);
  const samples = await metrics();
  t.is(samples.sum('hauberk_route_ejections_total'), 1);
  t.is(samples.sum('hauberk_route_endpoints_ejected'), 1);
});

test('a session stays at its endpoint, as long as that is there', async (t) => {
  const sessionPersistence = {
    type: 'Cookie',
    sessionName: 'stick',
    cookieLifetime: 'Session',
  } as const;
  const { port, add, remove } = await startRoutes(t, routes([rule({ sessionPersistence })]));
  for (const name of ['a', 'b', 'c']) add(name, (await startRecordingApp(t, name)).port);
  const first = await ask(port);
  const [given = ''] = first.headers['set-cookie'] ?? [];
  t.regex(given, /^stick=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/);
  const headers = { cookie: `other=1; ${given.split(';')[0] ?? ''}` };
  for (let at = 0; at < 20; at += 1) {
    const again = await ask(port, '/', { headers });
    t.is(again.body, first.body);
    t.is(again.headers['set-cookie'], undefined);
  }
  remove(first.body);
  const moved = await ask(port, '/', { headers });
  t.not(moved.body, first.body);
  t.regex(moved.headers['set-cookie']?.[0] ?? '', /^stick=/);
  const forged = await ask(port, '/', { headers: { cookie: 'stick=127.0.0.1:22' } });
  t.is(forged.status, 200, 'a token of no endpoint is as good as none');
});

test('limits of requests under way answer 503, and the rate limit 429 with the time to wait', async (t) => {
  const circuitBreaker = { maxParallelRequests: 1, maxPendingRequests: 1 };
  const { port, add, set, metrics } = await startRoutes(t, routes([rule()], { circuitBreaker }));
  const waiting: (() => void)[] = [];
  const app = await startRecordingApp(t, 'a', (response, { url }) => {
    if (url === '/held') waiting.push(() => response.end('held'));
    else response.end('a');
  });
  add('a', app.port);
  const held = ask(port, '/held');
  while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const refused = await ask(port);
  t.is(refused.status, 503);
  t.is(refused.headers['proxy-status'], 'hauberk; error=connection_limit_reached');
  waiting[0]?.();
  t.is((await held).body, 'held');
  t.is((await ask(port)).status, 200, 'there is room again');

  set(routes([rule()], { rateLimit: { requests: 1, intervalMs: 3_600_000 } }));
  t.is((await ask(port)).status, 200);
  const limited = await ask(port);
  t.is(limited.status, 429);
  t.true(Number(limited.headers['retry-after']) > 3_000);
  const samples = await metrics();
  const refusals = (reason: string): number =>
    samples.sum('hauberk_route_requests_refused_total', { route: 'web', reason });
  t.is(refusals('too-many-requests'), 1);
  t.is(refusals('rate-limited'), 1);
});

test('faults are injected: an answer instead of the service, and a delay before it', async (t) => {
  const abort = { httpStatus: 418, percentage: 100 };
  const { port, add, set, metrics, refusals } = await startRoutes(
    t,
    routes([rule({ faultInjection: { abort } })]),
  );
  const app = await startRecordingApp(t, 'a');
  add('a', app.port);
  t.is((await ask(port)).status, 418);
  t.deepEqual(refusals(), [
    'a request to web.shop:80 by the route web was not answered by a backend (fault): fault injected by the route',
  ]);
  t.is(app.requests.length, 0);
  set(routes([rule({ faultInjection: { delay: { fixedDelayMs: 30, percentage: 100 } } })]));
  const startedMs = Date.now();
  t.is((await ask(port)).body, 'a');
  t.true(Date.now() - startedMs >= 29);
  const samples = await metrics();
  t.is(samples.sum('hauberk_route_faults_total', { fault: 'abort' }), 1);
  t.is(samples.sum('hauberk_route_faults_total', { fault: 'delay' }), 1);
});

test('a client that gives up within a delay asks nothing of the service', async (t) => {
  const delay = { fixedDelayMs: 200, percentage: 100 };
  const { port, add, metrics } = await startRoutes(
    t,
    routes([rule({ faultInjection: { delay } })]),
  );
  const app = await startRecordingApp(t, 'a');
  add('a', app.port);
  await ask(port);
  const client = connect(port, '127.0.0.1');
  client.write('GET /gone HTTP/1.1\r\nHost: a\r\n\r\n');
  await eventually('the delay began', async () => {
    const samples = await metrics();
    return samples.sum('hauberk_route_faults_total', { fault: 'delay' }) === 2 || undefined;
  });
  client.destroy();
  await ask(port);
  t.false(app.requests.some(({ url }) => url === '/gone'));
});

test('filters change what the service is asked and what the client hears; a redirect asks nothing', async (t) => {
  const filters = {
    requestHeaders: {
      set: [{ name: 'x-set', value: 's' }],
      add: [{ name: 'x-add', value: 'a' }],
      remove: ['x-secret'],
    },
    responseHeaders: { set: [], add: [{ name: 'x-by', value: 'route' }], remove: ['x-inner'] },
    rewrite: { hostname: 'inner.example', path: { type: 'ReplacePrefixMatch', value: '/v2' } },
    mirrors: [],
  } as const;
  const match = {
    path: { type: 'PathPrefix', value: '/api' },
    headers: [],
    queryParams: [],
  } as const;
  const old = {
    path: { type: 'PathPrefix', value: '/old' },
    headers: [],
    queryParams: [],
  } as const;
  const redirect = {
    statusCode: 301,
    path: { type: 'ReplacePrefixMatch', value: '/api' },
  } as const;
  const { port, add } = await startRoutes(
    t,
    routes([
      rule({ matches: [match], filters }),
      rule({ matches: [old], filters: { redirect, mirrors: [] } }),
    ]),
  );
  const app = await startRecordingApp(t, 'a', (response) => {
    response.setHeader('X-Inner', 'i');
    response.end('a');
  });
  add('a', app.port);
  const answer = await ask(port, '/api/x?y=z', { headers: { 'X-Secret': 'k', 'X-Set': 'old' } });
  t.is(answer.headers['x-by'], 'route');
  t.is(answer.headers['x-inner'], undefined);
  const [request] = app.requests;
  t.is(request?.url, '/v2/x?y=z');
  t.is(request?.headers.host, 'inner.example');
  t.is(request?.headers['x-set'], 's');
  t.is(request?.headers['x-add'], 'a');
  t.is(request?.headers['x-secret'], undefined);
  const moved = await ask(port, '/old/x?y=z');
  t.is(moved.status, 301);
  t.is(moved.headers.location, `http://127.0.0.1:${port}/api/x?y=z`);
  t.is((await ask(port, '/other')).status, 404);
  t.is((await ask(port, '/api/%2e%2e/x')).status, 400);
  t.is(app.requests.length, 1);
});

test('a client that goes away ends the request at the service', async (t) => {
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  const { port, add, metrics } = await startRoutes(t);
  const app = await startRecordingApp(t, 'a', (response) => {
    response.on('close', resolve);
  });
  add('a', app.port);
  const client = connect(port, '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: web\r\n\r\n');
  while (app.requests.length === 0) await new Promise((done) => setImmediate(done));
  client.destroy();
  await within('the request to the service ended', gone);
  const samples = await metrics();
  t.is(samples.sum('hauberk_route_requests_total', { status: 'client-gone' }), 1);
  t.is(samples.sum('hauberk_route_requests_active'), 0);
  t.is(app.requests.length, 1);
});

for (const [what, bytes, reason] of [
  ['TLS', Buffer.from('160301020001000', 'hex'), 'tls'],
  ['another protocol', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'not-http'],
] as const) {
  test(`${what} is refused at a service with routes, and the log says why`, async (t) => {
    const { port, reasons, metrics } = await startRoutes(t);
    const client = connect(port, '127.0.0.1');
    const { promise: reset, resolve } = Promise.withResolvers<void>();
    client.on('error', () => resolve());
    client.write(bytes);
    await within('the connection was reset', reset);
    t.true(reasons().includes(reason));
    t.is((await metrics()).sum('hauberk_route_connections_refused_total', { reason }), 1);
  });
}

test('when the route goes, connections that are there go on without it', async (t) => {
  const filters = {
    responseHeaders: { set: [], add: [{ name: 'x-by', value: 'route' }], remove: [] },
    mirrors: [],
  };
  const { port, add, set } = await startRoutes(t, routes([rule({ filters })]));
  add('a', (await startRecordingApp(t, 'a')).port);
  const { Agent } = await import('node:http');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  t.is((await ask(port, '/', { agent })).headers['x-by'], 'route');
  set({ routes: [], backends: [] });
  const after = await ask(port, '/', { agent });
  t.is(after.body, 'a');
  t.is(after.headers['x-by'], undefined);
});
