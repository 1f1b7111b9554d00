/** What services see of requests from outside, and what clients get when no service can answer. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { sendRaw } from '../../helpers/clients/raw-connection.ts';
import { fileScope } from '../../helpers/scope.ts';
import { type EchoApp, type SeenRequest, startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
let app: EchoApp;
let gateway: GatewayUnderTest;

const LISTENERS = `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    limits: {bodyBytes: 1000, headerBytes: 4096, headersSeconds: 1, requestSeconds: 2, responseSeconds: 1}
    proxyProtocol: {from: [127.0.0.2]}
    routes:
      - {hostnames: [www.example.com], backend: 'app:80'}
      - {hostnames: [www.example.com], pathPrefix: /api, backend: 'api:80', identityFields: [X-User, X-Team-*]}
      - {hostnames: ['*.example.com'], backend: 'wild.other:80'}
      - {hostnames: [down.example.com], backend: 'down:80'}
      - {hostnames: [gone.example.com], backend: 'gone:80'}
      - {hostnames: [old.example.com], requestRedirect: {scheme: https}}
      - {hostnames: [old.example.com], pathPrefix: /here, requestRedirect: {scheme: https, port: 8443, statusCode: 308}}
`;

/** Paths that the application answers in other ways. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): boolean {
  switch (String(request.url)) {
    case '/silent':
      return true;
    case '/reset':
      request.socket.resetAndDestroy();
      return true;
    case '/cut':
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half', () => request.socket.resetAndDestroy());
      return true;
    case '/fields':
      response.writeHead(299, 'Fine', {
        'Set-Cookie': ['a=1', 'b=2'],
        'X-Own': 'yes',
        Connection: 'close, X-Hop',
        'X-Hop': '1',
        'Keep-Alive': 'timeout=5',
      });
      response.end('body');
      return true;
    case '/trailers':
      response.writeHead(200, { trailer: 'X-Sum' });
      response.write('body');
      response.addTrailers({ 'X-Sum': '42' });
      response.end();
      return true;
    default:
      return false;
  }
}

test.before(async () => {
  app = await startEchoApp(scope, 'app', answer);
  const api = await startEchoApp(scope, 'api');
  const wild = await startEchoApp(scope, 'wild');
  gateway = await openGatewayUnderTest(scope, {
    listeners: LISTENERS,
    services: { app: app.port, api: api.port, wild: wild.port, gone: await freePort() },
  });
});

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: Readonly<Record<string, string | undefined>>;
}

async function ask(options: http.RequestOptions, body = ''): Promise<Answer> {
  const request = http.request({
    host: '127.0.0.1',
    port: gateway.port('web'),
    ...options,
    headers: { host: 'www.example.com', ...(options.headers as http.OutgoingHttpHeaders) },
    agent: false,
  });
  request.end(body);
  const [response] = (await within('it is answered', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  const chunks = await response.setEncoding('utf8').toArray();
  const { statusCode = 0, headers, trailers } = response;
  return { status: statusCode, headers, body: chunks.join(''), trailers };
}

async function seen(options: http.RequestOptions, body?: string): Promise<SeenRequest> {
  const answered = await ask(options, body);
  return JSON.parse(answered.body) as SeenRequest;
}

for (const [what, host, path, service] of [
  ['a host', 'www.example.com', '/', 'app'],
  ['a host in other letters, and with a port', 'WWW.Example.com:8080', '/', 'app'],
  ['a host with the dot of the root', 'www.example.com.', '/', 'app'],
  ['a path', 'www.example.com', '/api', 'api'],
  ['what is below a path', 'www.example.com', '/api/v1?x=/', 'api'],
  ['a path that only begins the same', 'www.example.com', '/apis', 'app'],
  ['a path in the query', 'www.example.com', '/?/api', 'app'],
  ['a name below a wildcard', 'some.example.com', '/', 'wild'],
  ['a name far below a wildcard', 'a.b.example.com', '/api', 'wild'],
] as const) {
  test(`routed by ${what}`, async (t) => {
    t.is((await seen({ path, headers: { host } })).service, service);
  });
}

for (const [what, host] of [
  ['another host', 'www.example.org'],
  ['the name that a wildcard is below', 'example.com'],
  ['an address', '192.0.2.1'],
] as const) {
  test(`404 for ${what}`, async (t) => {
    const { status, body } = await ask({ headers: { host } });
    t.is(status, 404);
    t.is(body, '404 Not Found\n');
  });
}

test('a service is named in the namespace of the gateway, or in the one that the route names', async (t) => {
  await ask({ headers: { host: 'some.example.com' } });
  await ask({});
  t.true(gateway.asked.includes('wild.other'));
  t.true(gateway.asked.includes('app.default'));
});

test('a service sees host, method, target and body as they came, and who the client is', async (t) => {
  const headers = { host: 'www.example.com:8080', 'x-own': 'yes', cookie: 'a=1' };
  const request = await seen({ method: 'PUT', path: '/a%2fb?c=d', headers }, 'hello');
  t.like(request, { method: 'PUT', url: '/a%2fb?c=d', body: 'hello' });
  t.like(request.headers, {
    host: 'www.example.com:8080',
    'x-own': 'yes',
    cookie: 'a=1',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-client-cert': undefined,
  });
});

test('what only a proxy may say is taken away when it comes from outside', async (t) => {
  const claims = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'X-Forwarded-Client-Cert',
    'x_forwarded_for',
    'X-Forwarded_Proto',
    'Forwarded',
    'X-Real-IP',
    'True-Client-IP',
    'Client-Cert',
    'Client-Cert-Chain',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-SSL-Client-Verify',
    'X-Envoy-Internal',
    'Proxy',
  ];
  const headers = Object.fromEntries(claims.map((name) => [name, 'forged']));
  const request = await seen({ headers });
  t.false(JSON.stringify(request).includes('forged'));
  t.is(request.headers['x-forwarded-for'], '127.0.0.1');
});

test('a route may name more of what no client may say, in fields and in trailers', async (t) => {
  const text = (path: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\nX-User: root\r\nx_team_a: b\r\nTransfer-Encoding: chunked\r\n\r\n` +
    '2\r\nhi\r\n0\r\nX-User: root\r\nX-Forwarded-For: forged\r\nX-Sum: 7\r\n\r\n';
  const tell = async (path: string): Promise<SeenRequest> => {
    const answered = await within('answered', sendRaw(gateway.port('web'), text(path)).ended);
    const [, json = ''] = /(\{.*\})/.exec(answered.toString()) ?? [];
    return JSON.parse(json) as SeenRequest;
  };
  const there = await tell('/api/x');
  t.deepEqual(there.trailers, { 'x-sum': '7' });
  t.like(there.headers, { 'x-user': undefined, x_team_a: undefined });
  const elsewhere = await tell('/');
  t.deepEqual(elsewhere.trailers, { 'x-user': 'root', 'x-sum': '7' });
  t.like(elsewhere.headers, { 'x-user': 'root', x_team_a: 'b' });
});

test('what is meant for one connection is not passed on, nor can a client have our fields dropped', async (t) => {
  const { headers } = await seen({
    headers: {
      connection: 'close, X-Hop, X-Forwarded-For, X-Forwarded-Proto',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'proxy-connection': 'keep-alive',
      te: 'trailers',
      'proxy-authorization': 'secret',
    },
  });
  const dropped = ['x-hop', 'keep-alive', 'proxy-connection', 'proxy-authorization'];
  for (const name of dropped) t.false(name in headers, name);
  t.is(headers['x-forwarded-for'], '127.0.0.1');
  t.is(headers['x-forwarded-proto'], 'http');
  t.is(headers['te'], 'trailers');
  t.false((headers['connection'] ?? '').includes('X-'));
});

test('the answer keeps its status and fields, but for those of one connection', async (t) => {
  const { status, headers, body } = await ask({ path: '/fields' });
  t.is(status, 299);
  t.is(body, 'body');
  t.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
  t.is(headers['x-own'], 'yes');
  t.is(headers['x-hop'], undefined);
});

test('trailers pass both ways', async (t) => {
  const { body, trailers } = await ask({ path: '/trailers' });
  t.is(body, 'body');
  t.is(trailers['x-sum'], '42');
  const text =
    'POST / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
    '2\r\nhi\r\n0\r\nX-Sum: 7\r\nAuthorization: forged\r\n\r\n';
  const answered = await within('it is answered', sendRaw(gateway.port('web'), text).ended);
  const [, json = ''] = /(\{.*\})/.exec(answered.toString()) ?? [];
  const request = JSON.parse(json) as SeenRequest;
  t.deepEqual(request.trailers, { 'x-sum': '7' });
});

test('a redirect leads to the same place over TLS', async (t) => {
  const one = await ask({ path: '/a?b', headers: { host: 'old.example.com:8080' } });
  t.is(one.status, 301);
  t.is(one.headers.location, 'https://old.example.com/a?b');
  const other = await ask({
    method: 'POST',
    path: '/here/x',
    headers: { host: 'old.example.com' },
  });
  t.is(other.status, 308);
  t.is(other.headers.location, 'https://old.example.com:8443/here/x');
});

test('413 for a body that is too large, whether it says so beforehand or not', async (t) => {
  t.is((await ask({ method: 'POST' }, 'x'.repeat(1001))).status, 413);
  const headers = { 'transfer-encoding': 'chunked' };
  t.is((await ask({ method: 'POST', headers }, 'x'.repeat(1001))).status, 413);
  t.is((await ask({ method: 'POST' }, 'x'.repeat(1000))).status, 200);
  const served = app.seen.filter(({ body }) => body.startsWith('xxx'));
  t.deepEqual(
    served.map(({ body }) => body.length),
    [1000],
    'only the one that fits was served',
  );
});

test('an expectation is for the service, which answers it', async (t) => {
  t.is((await ask({ headers: { expect: 'a-pony' } })).status, 417);
  const text =
    'POST / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi';
  const answered = (await within('answered', sendRaw(gateway.port('web'), text).ended)).toString();
  t.regex(answered, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  t.true(answered.includes('"expect"'));
});

test('431 for fields that are too large, or too many', async (t) => {
  t.is((await ask({ headers: { big: 'x'.repeat(5_000) } })).status, 431);
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`x${at}`, '']));
  t.is((await ask({ headers: many })).status, 431);
});

test('408 for fields, and for a body, that do not come', async (t) => {
  const port = gateway.port('web');
  const slowFields = sendRaw(port, 'GET / HTTP/1.1\r\nHost: ');
  const slowBody = sendRaw(
    port,
    'POST / HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: 5\r\n\r\n',
  );
  for (const { ended } of [slowFields, slowBody]) {
    t.regex((await within('it is ended', ended)).toString(), /^HTTP\/1\.1 408 /);
  }
});

test('503 for a service that nobody serves', async (t) => {
  t.is((await ask({ headers: { host: 'down.example.com' } })).status, 503);
});

test('502 for a service that cannot be reached, or breaks off', async (t) => {
  t.is((await ask({ headers: { host: 'gone.example.com' } })).status, 502);
  t.is((await ask({ path: '/reset' })).status, 502);
});

test('504 for a service that does not answer in time', async (t) => {
  t.is((await ask({ path: '/silent' })).status, 504);
});

test('an answer that is cut short does not look complete', async (t) => {
  const { ended, socket } = sendRaw(
    gateway.port('web'),
    'GET /cut HTTP/1.0\r\nHost: www.example.com\r\n\r\n',
  );
  const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
  const [error] = await within('it is reset', failed);
  t.is(error.code, 'ECONNRESET');
  await ended;
});

test('connections to a service are used again', async (t) => {
  await ask({});
  const before = gateway.asked.filter((name) => name === 'app.default').length;
  for (let at = 0; at < 5; at += 1) await ask({});
  t.true(gateway.asked.filter((name) => name === 'app.default').length - before < 5);
});

test('the PROXY protocol is believed of listed sources, and demanded of them', async (t) => {
  const request = 'GET / HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n';
  const header = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c633640730391f90', 'hex');
  const talk = async (
    localAddress: string,
    pieces: readonly (Buffer | string)[],
  ): Promise<string> => {
    const socket = net.connect({
      port: gateway.port('web'),
      host: '127.0.0.1',
      localAddress,
      noDelay: true,
    });
    socket.on('error', () => {});
    for (const piece of pieces) await new Promise((resolve) => socket.write(piece, resolve));
    return (
      await within(
        'it ends',
        socket.toArray().catch(() => []),
      )
    ).join('');
  };
  const whole = Buffer.concat([header, Buffer.from(request)]);
  for (const pieces of [
    [whole],
    [header, request],
    [header.subarray(0, 5), header.subarray(5), request],
  ]) {
    t.regex(await talk('127.0.0.2', pieces), /"x-forwarded-for":"192\.0\.2\.1"/);
  }
  t.is(await talk('127.0.0.2', [request]), '', 'a proxy without a header is reset');
  t.regex(await talk('127.0.0.1', [request]), /"x-forwarded-for":"127\.0\.0\.1"/);
  t.regex(await talk('127.0.0.1', [whole]), /^HTTP\/1\.1 400 /, 'others are not believed');
});

test.after('every request is counted', async (t) => {
  const metrics = await gateway.metrics();
  for (const reason of [
    'no-route',
    'body-too-large',
    'service-late',
    'no-endpoint',
    'service-failed',
  ]) {
    t.true(metrics.sum('hauberk_gateway_requests_refused_total', { reason }) > 0, reason);
  }
  t.true(metrics.sum('hauberk_gateway_requests_total', { status: '200' }) > 0);
  const reason = 'proxy-header-malformed';
  t.true(metrics.sum('hauberk_gateway_connections_refused_total', { reason }) > 0);
});
