// Connections whose requests are decided about one by one, or whose application is told who calls: what passes, what
// is refused and why, and what becomes of a connection that carries no requests.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import test from 'ava';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import type { PolicyRule } from '../../../common/authorization/policy.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';
import { inboundTo, self, web } from './harness.ts';
import { get, open, policyOf, READ_ORDERS, rule, startApp, until } from './requests-harness.ts';

test('a request that a rule allows passes, another is answered with 403, and the connection goes on', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port, READ_ORDERS);
  const { stream, ask } = await open(t, inbound);
  t.regex(await ask(get('/orders/7?a=b')), /^HTTP\/1\.1 200 OK\r\n[^]*GET \/orders\/7\?a=b$/);
  const refused = await ask('POST /orders HTTP/1.1\r\nHost: a\r\n\r\n');
  t.regex(refused, /^HTTP\/1\.1 403 Forbidden\r\n/);
  t.regex(refused, /Proxy-Status: hauberk; error=http_request_denied\r\n/);
  t.regex(await ask(get('/orders-archive')), /^HTTP\/1\.1 403 /);
  t.regex(await ask(get('/orders/../admin')), /^HTTP\/1\.1 403 /);
  t.regex(await ask(get('/%6Frders')), /^HTTP\/1\.1 200 /);
  t.deepEqual(app.urls(), ['/orders/7?a=b', '/%6Frders'], 'as they came, and no other');
  t.is(app.connections(), 1);

  const denied = inbound.of('request-denied');
  t.is(denied.length, 3);
  t.like(denied[0], {
    peer: web.uri,
    reason: 'denied-request',
    method: 'POST',
    path: '/orders',
    rules: ['about-requests'],
  });
  t.is(denied[2]?.['path'], 'ambiguous');
  stream.finish();
  await until('it is over', () => stream.calls.includes('close') || stream.calls.includes('end'));
  const metrics = await inbound.failed();
  const of = { peer: web.uri, reason: 'denied-request' };
  t.is(metrics.sum('hauberk_requests_denied_total', of), 3);
  t.is(metrics.sum('hauberk_requests_total', { direction: 'inbound', status: '4xx' }), 3);
  t.is(metrics.sum('hauberk_requests_total', { direction: 'inbound', status: '2xx' }), 2);
  t.true(metrics.sum('hauberk_bytes_received_total') > 100);
});

test('a request is refused before its body has come, which is read on only where it is small', async (t) => {
  const app = await startApp(t);
  const { stream, ask } = await open(t, inboundTo(app.port, READ_ORDERS));
  const post = (length: number): string =>
    `POST /orders HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\nhi`;
  t.regex(await ask(post(2000)), /^HTTP\/1\.1 403 /);
  stream.data('x'.repeat(1998));
  t.regex(await ask(get('/orders')), /^HTTP\/1\.1 200 /, 'the connection goes on');
  t.regex(await ask(post(100_000)), /^HTTP\/1\.1 403 /);
  await until('it is ended', () => stream.calls.includes('end'));
  t.deepEqual(app.urls(), ['/orders']);
});

test('a request that a rule denies is refused, whatever else is allowed', async (t) => {
  const app = await startApp(t);
  const deny = rule({ paths: [{ type: 'Exact', value: '/admin' }] }, { action: 'deny' });
  const { ask } = await open(t, inboundTo(app.port, policyOf(deny)));
  t.regex(await ask(get('/admin?x')), /^HTTP\/1\.1 403 /);
  t.regex(await ask(get('/a%2fdmin')), /^HTTP\/1\.1 403 /, 'it could be read in another way');
  t.regex(await ask(get('/admin/x')), /^HTTP\/1\.1 200 /);
  t.regex(await ask('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'), /^HTTP\/1\.1 403 /);
  t.deepEqual(app.urls(), ['/admin/x']);
});

test('a request that some applications take for another one has to be allowed as both', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(
    app.port,
    policyOf(
      rule({ methods: ['GET', 'POST'], paths: [{ type: 'PathPrefix', value: '/orders' }] }),
      rule({ methods: ['PUT'], paths: [{ type: 'Exact', value: '/orders/1' }] }),
    ),
  );
  const { ask } = await open(t, inbound);
  const saying = (field: string): Promise<string> =>
    ask(`GET /orders/1 HTTP/1.1\r\nHost: a\r\n${field}\r\n\r\n`);
  for (const field of [
    'X-HTTP-Method-Override: DELETE',
    'x_http_method: delete',
    'X-Method-Override: PUT\r\nX-Original-URL: /orders/2',
    'X-Original-URL: /admin',
    'X-Rewrite-Url: /orders/../admin',
    Array.from({ length: 9 }, (_, at) => `X-Rewrite-URL: /orders/${at}`).join('\r\n'),
  ]) {
    t.regex(await saying(field), /^HTTP\/1\.1 403 /, field);
  }
  for (const field of [
    'X-HTTP-Method-Override: POST',
    'X-Method-Override: put',
    'X-Original-URL: /orders/2?x',
    'X-Original-Host: b',
  ]) {
    t.regex(await saying(field), /^HTTP\/1\.1 200 /, field);
  }
  t.is(app.urls().length, 4);
  t.is(app.requests[0]?.headers['x-http-method-override'], 'POST', 'it passes as it came');
});

test('a field that names another request evades no rule that denies it, however it is written', async (t) => {
  const app = await startApp(t);
  const deny = { action: 'deny' } as const;
  const policy = policyOf(
    rule({ methods: ['DELETE'] }, deny),
    rule({ paths: [{ type: 'PathPrefix', value: '/admin' }] }, deny),
  );
  const { ask } = await open(t, inboundTo(app.port, policy));
  const saying = (field: string): Promise<string> =>
    ask(`POST /orders/1 HTTP/1.1\r\nHost: a\r\n${field}\r\nContent-Length: 0\r\n\r\n`);
  for (const field of [
    'X-HTTP-Method-Override: DELETE, POST',
    'X-HTTP-Method-Override: POST,delete',
    'X-HTTP-Method: ,DELETE',
    'X-Original-URL: admin',
    'X-Original-URL: ?/../admin',
    'X-Rewrite-URL: http:/admin',
  ]) {
    t.regex(await saying(field), /^HTTP\/1\.1 403 /, field);
  }
  t.regex(await saying('X-HTTP-Method-Override: PUT, POST'), /^HTTP\/1\.1 200 /);
  const trailed = await ask(
    'POST /orders/2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-HTTP-Method-Override: DELETE\r\nX-Other: 1\r\n\r\n',
  );
  t.regex(trailed, /^HTTP\/1\.1 200 /);
  t.deepEqual(app.requests.at(-1)?.trailers, { 'x-other': '1' });
});

test('a rule that only audits refuses no request, and says so', async (t) => {
  const app = await startApp(t);
  const trial = rule({ methods: ['DELETE'] }, { action: 'deny', audit: true, name: 'trial' });
  const inbound = inboundTo(app.port, policyOf(trial));
  const { ask } = await open(t, inbound);
  t.regex(await ask('DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 200 /);
  t.regex(await ask(get('/x')), /^HTTP\/1\.1 200 /);
  t.deepEqual(
    inbound.of('request-audited').map(({ rules, method }) => [rules, method]),
    [[['trial'], 'DELETE']],
  );
  t.is((await inbound.failed()).sum('hauberk_policy_audited_total', { rule: 'trial' }), 1);
});

test('a caller whose requests no rule is about is carried as bytes', async (t) => {
  const app = await startApp(t);
  const whole: PolicyRule = { ...rule({}), name: 'all-of-web' };
  delete (whole as { requests?: unknown }).requests;
  const inbound = inboundTo(app.port, policyOf(whole, ...READ_ORDERS.rules));
  const { stream } = await open(t, inbound);
  stream.data('DELETE /any HTTP/1.1\r\nX-Odd : 1\r\n\r\n');
  await until('the application has answered, not we', () => /400 Bad/.test(stream.text));
  t.deepEqual(inbound.of('request-denied'), []);
});

for (const [what, action, bytes] of [
  ['an allow rule', 'allow', '\x00\x01 no HTTP at all'],
  ['a deny rule', 'deny', '\x16\x03\x01\x02\x00\x01'],
  ['a request of another protocol', 'allow', 'GET / RTSP/1.0\r\n\r\n'],
] as const) {
  test(`what is no HTTP is broken off where it meets ${what}`, async (t) => {
    const heard: string[] = [];
    const app = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => heard.push(chunk.toString()));
    });
    app.listen(0, '127.0.0.1');
    t.teardown(() => app.close());
    await once(app, 'listening');
    const rules = policyOf(rule({ methods: ['GET'] }, { action }));
    const inbound = inboundTo((app.address() as AddressInfo).port, rules);
    const connected = once(app, 'connection') as Promise<[net.Socket]>;
    const { stream } = await open(t, inbound);
    const [socket] = await connected;
    stream.data(bytes);
    await until('the stream is reset', () => stream.calls.includes('reset'));
    await until('the application is reset', () => socket.closed);
    t.deepEqual(heard, []);
    const cut = inbound.of('stream-cut')[0];
    t.is(cut?.['reason'], action === 'allow' ? 'denied-request' : 'denied-rule');
    const closed = { direction: 'inbound', reason: 'denied' };
    t.is((await inbound.failed()).sum('hauberk_connections_closed_total', closed), 1);
  });
}

test('a server that speaks first is carried where rules about requests only audit', async (t) => {
  const app = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write('220 ready\r\n');
    socket.on('data', (chunk) => socket.end(`echo ${chunk.toString()}`));
  });
  app.listen(0, '127.0.0.1');
  t.teardown(() => app.close());
  await once(app, 'listening');
  const trial = rule({ methods: ['GET'] }, { action: 'deny', audit: true });
  const inbound = inboundTo((app.address() as AddressInfo).port, policyOf(trial));
  const { stream } = await open(t, inbound);
  await until('the greeting comes', () => stream.text === '220 ready\r\n');
  stream.data('QUIT');
  await until('the answer comes', () => stream.text.endsWith('echo QUIT'));
  t.is(inbound.of('stream-audited').length, 1);
  // The rule is enforced from now on.
  inbound.policies.set({
    configVersion: 2,
    policy: policyOf({ ...trial, audit: false }),
    egress: NO_EGRESS,
    routes: NO_ROUTES,
  });
  await until('the stream is reset', () => stream.calls.includes('reset'));
});

test('a request under way is broken off when the policy allows it no more, and others go on', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port, READ_ORDERS);
  const held = await open(t, inbound);
  const idle = await open(t, inbound);
  t.regex(await idle.ask(get('/orders')), /^HTTP\/1\.1 200 /);
  held.stream.data(get('/orders/held'));
  await until('half of the answer', () => held.stream.text.includes('half'));
  const rules = policyOf(rule({ paths: [{ type: 'Exact', value: '/orders' }] }));
  inbound.policies.set({ configVersion: 2, policy: rules, egress: NO_EGRESS, routes: NO_ROUTES });
  await until('the stream is reset', () => held.stream.calls.includes('reset'));
  t.regex(await idle.ask(get('/orders')), /^HTTP\/1\.1 200 /, 'the other connection goes on');
  t.regex(await idle.ask(get('/orders/7')), /^HTTP\/1\.1 403 /);
  t.like(inbound.of('request-denied')[0], { path: '/orders/held', reason: 'denied-request' });
});

test('a connection that is carried as bytes ends when rules about requests come', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port);
  const { stream, ask } = await open(t, inbound);
  t.regex(await ask(get('/any')), /^HTTP\/1\.1 200 /);
  const policy = READ_ORDERS;
  inbound.policies.set({ configVersion: 2, policy, egress: NO_EGRESS, routes: NO_ROUTES });
  await until('the stream is reset', () => stream.calls.includes('reset'));
  t.is(inbound.of('stream-cut')[0]?.['reason'], 'denied-request');
  const again = await open(t, inbound);
  t.regex(await again.ask(get('/orders')), /^HTTP\/1\.1 200 /);
});

test('an application that ends its connections between requests is dialled again', async (t) => {
  const app = await startApp(t);
  const { ask } = await open(t, inboundTo(app.port, READ_ORDERS));
  t.regex(await ask(get('/orders/last')), /^HTTP\/1\.1 200 /);
  t.regex(await ask(get('/orders/last')), /^HTTP\/1\.1 200 /);
  t.regex(await ask(get('/orders')), /^HTTP\/1\.1 200 /);
  t.is(app.connections(), 3);
});

test('an application that is dialled again is called from the same address', async (t) => {
  const app = await startApp(t);
  const sourceOf = () => ({ kind: 'client', address: '127.0.0.9' }) as const;
  const { ask } = await open(t, inboundTo(app.port, READ_ORDERS, [], sourceOf));
  for (const path of ['/orders/last', '/orders/last', '/orders']) {
    t.regex(await ask(get(path)), /^HTTP\/1\.1 200 /);
  }
  t.deepEqual(app.clients, ['127.0.0.9', '127.0.0.9', '127.0.0.9']);
});

test('the application is told who calls, once and by no other', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port, undefined, [8080]);
  const { ask } = await open(t, inbound);
  await ask(
    'POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: URI=spiffe://a/b\r\nX-Kept: 1\r\n' +
      'x_forwarded_client_cert: URI=spiffe://a/b\r\nX-FORWARDED-CLIENT-CERT: x\r\n' +
      'Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Forwarded-Client-Cert: late\r\nX-Sum: 1\r\n\r\n',
  );
  const [request] = app.requests;
  t.deepEqual(request?.headersDistinct['x-forwarded-client-cert'], [
    `By=${self.uri};URI=${web.uri}`,
  ]);
  t.false(request?.rawHeaders.some((name) => name.includes('_')));
  t.is(request?.headers['x-kept'], '1');
  t.deepEqual(request?.trailers, { 'x-sum': '1' });
});

test('an application that is told who calls gets nothing that is no request', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port, undefined, [8080]);
  const { stream } = await open(t, inbound);
  stream.data('\x00GET / HTTP/1.1\r\nX-Forwarded-Client-Cert: URI=spiffe://a/b\r\n\r\n');
  await until('the stream is reset', () => stream.calls.includes('reset'));
  t.deepEqual(app.requests, []);
  t.is(inbound.of('stream-cut')[0]?.['reason'], 'denied-request');
});

test('where it was not asked for, the application gets what the caller says', async (t) => {
  const app = await startApp(t);
  const { ask } = await open(t, inboundTo(app.port));
  await ask('GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: mine\r\n\r\n');
  t.is(app.requests[0]?.headers['x-forwarded-client-cert'], 'mine');
});

test('a connection of requests ends with the next one when the sidecar drains', async (t) => {
  const app = await startApp(t);
  const inbound = inboundTo(app.port, READ_ORDERS);
  const { stream, ask } = await open(t, inbound);
  t.regex(await ask(get('/orders')), /^HTTP\/1\.1 200 /);
  inbound.drain();
  t.regex(await ask(get('/orders')), /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n/);
  await until('it is ended', () => stream.calls.includes('end'));

  const late = await open(t, inbound);
  t.regex(await late.ask(get('/orders')), /^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n/);
});
