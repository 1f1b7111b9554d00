/** What a proxy must pass as it came, in both directions and both versions: bytes, framing, interim answers, methods. */
import { once } from 'node:events';
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { sendRaw } from '../../helpers/clients/raw-connection.ts';
import { fileScope } from '../../helpers/scope.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';
import { type RawService, startRawService } from './raw-service.ts';

const scope = fileScope();
let gateway: GatewayUnderTest;
let service: RawService;

const UTF8 = Buffer.from('filename="漏.txt"').toString('latin1');
const OK = 'HTTP/1.1 200 OK\r\n';

/** Answers by path. */
const ANSWERS: Readonly<Record<string, string>> = {
  '/length-first': `${OK}Content-Length: 4\r\nContent-Disposition: ${UTF8}\r\n\r\nfile`,
  '/length-last': `${OK}Content-Disposition: ${UTF8}\r\nContent-Length: 4\r\n\r\nfile`,
  '/chunked': `${OK}Transfer-Encoding: chunked\r\nContent-Disposition: ${UTF8}\r\n\r\n4\r\nfile\r\n0\r\n\r\n`,
  '/reason': 'HTTP/1.1 299 All is rather well\r\nContent-Length: 0\r\n\r\n',
  '/hints': `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${OK}Content-Length: 4\r\n\r\npage`,
  '/trailer-length': `${OK}Trailer: X-Sum\r\nContent-Length: 2\r\n\r\nok`,
  '/trailer-head': `${OK}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n`,
  '/not-modified': 'HTTP/1.1 304 Not Modified\r\nTrailer: X-Sum\r\nETag: "a"\r\n\r\n',
  '/no-content': 'HTTP/1.1 204 No Content\r\n\r\n',
  '/until-close': `HTTP/1.0 200 OK\r\n\r\n`,
  '/unasked': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  '/unasked-named':
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n',
  '/malformed': 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
  '/continue': `HTTP/1.1 100 Continue\r\n\r\n`,
  '/expectation-failed': 'HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n',
};

test.before(async () => {
  service = await startRawService(scope, (request) => {
    const [, path = ''] = request.split(' ');
    return ANSWERS[path] ?? `${OK}Content-Length: 2\r\n\r\nok`;
  });
  gateway = await openGatewayUnderTest(scope, {
    listeners: `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'raw:80'}]}\n`,
    services: { raw: service.port },
  });
});

/** Asks in HTTP/1.1 on a connection that ends with the answer. */
async function ask(path: string, { method = 'GET', more = '', body = '' } = {}): Promise<string> {
  const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${more}\r\n`;
  const { ended } = sendRaw(gateway.port('web'), Buffer.from(head + body, 'latin1'));
  return (await within('it is answered', ended)).toString('latin1');
}

function connect(t: ExecutionContext): http2.ClientHttp2Session {
  const session = http2.connect(`http://127.0.0.1:${gateway.port('web')}`);
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

for (const path of ['/length-first', '/length-last', '/chunked']) {
  test(`the bytes of a field stay as they are: ${path}`, async (t) => {
    const answer = await ask(path);
    t.true(answer.startsWith(OK));
    t.true(answer.includes(`Content-Disposition: ${UTF8}\r\n`));
    const request = connect(t).request({ ':path': path, ':authority': 'a' });
    const [headers] = (await within('it is answered', once(request, 'response'))) as [
      http2.IncomingHttpHeaders,
    ];
    t.is(Buffer.from(headers['content-disposition'] ?? '', 'latin1').toString('latin1'), UTF8);
  });
}

test('the bytes of a field of a request stay as they are', async (t) => {
  await ask('/request-bytes', { more: `X-Name: ${UTF8}\r\n` });
  const request = service.requests.find((one) => one.includes('/request-bytes')) ?? '';
  t.true(request.includes(`X-Name: ${UTF8}\r\n`));
});

test('a reason phrase is kept', async (t) => {
  t.true((await ask('/reason')).startsWith('HTTP/1.1 299 All is rather well\r\n'));
});

test('interim answers reach clients of both versions', async (t) => {
  const answer = await ask('/hints');
  t.regex(
    answer,
    /^HTTP\/1\.1 102 Processing\r\n\r\nHTTP\/1\.1 103 Early Hints\r\nLink: <\/a\.css>\r\n\r\nHTTP\/1\.1 200 OK\r\n/,
  );
  const request = connect(t).request({ ':path': '/hints', ':authority': 'a' });
  const interim: unknown[] = [];
  request.on('headers', (headers: http2.IncomingHttpHeaders) => interim.push(headers[':status']));
  const [headers] = (await within('it is answered', once(request, 'response'))) as [
    http2.IncomingHttpHeaders,
  ];
  t.is(Number(headers[':status']), 200);
  t.deepEqual(interim, [102, 103]);
});

test('an expectation reaches the service, whose answer decides', async (t) => {
  const more = 'Expect: 100-continue\r\nContent-Length: 5\r\n';
  const answer = await ask('/expectation-failed', { method: 'POST', more });
  t.regex(answer, /^HTTP\/1\.1 417 Expectation Failed\r\n/);
  const request = service.requests.find((one) => one.includes('/expectation-failed')) ?? '';
  t.regex(request, /\r\nExpect: 100-continue\r\n/);
  const socket = sendRaw(
    gateway.port('web'),
    `POST /continue HTTP/1.1\r\nHost: a\r\n${more}\r\n`,
  ).socket;
  const [interim] = (await within('it may go on', once(socket, 'data'))) as [Buffer];
  t.is(interim.toString(), 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.destroy();
});

for (const method of [
  'MKCOL',
  'COPY',
  'PROPFIND',
  'GET',
  'DELETE',
  'REPORT',
  'FROBNICATE',
  'get',
]) {
  test(`${method} without a body has no framing at the service, in both versions`, async (t) => {
    const path = `/plain-${method}`;
    t.regex(await ask(path, { method }), /^HTTP\/1\.1 200 OK\r\n/);
    const request = connect(t).request(
      { ':method': method, ':path': path, ':authority': 'a' },
      { endStream: true },
    );
    const [headers] = (await within('it is answered', once(request, 'response'))) as [
      http2.IncomingHttpHeaders,
    ];
    t.is(Number(headers[':status']), 200);
    const seen = service.requests.filter((one) => one.startsWith(`${method} ${path} HTTP/1.1\r\n`));
    t.is(seen.length, 2);
    for (const one of seen) t.notRegex(one, /content-length|transfer-encoding/i);
  });
}

test('a body without a length is chunked for the service, and one with a length is not', async (t) => {
  const chunked = 'Transfer-Encoding: chunked\r\n';
  await ask('/in-chunks', { method: 'POST', more: chunked, body: '2\r\nhi\r\n0\r\n\r\n' });
  await ask('/in-length', { method: 'POST', more: 'Content-Length: 2\r\n', body: 'hi' });
  await ask('/empty', { method: 'POST', more: 'Content-Length: 0\r\n' });
  const seen = (path: string): string => service.requests.find((one) => one.includes(path)) ?? '';
  t.regex(seen('/in-chunks'), /\r\nTransfer-Encoding: chunked\r\n/);
  t.regex(seen('/in-length'), /\r\nContent-Length: 2\r\n/);
  t.regex(seen('/empty'), /\r\nContent-Length: 0\r\n/);
});

for (const [path, method, expected] of [
  ['/trailer-length', 'GET', /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok$/],
  ['/trailer-head', 'HEAD', /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/],
  ['/not-modified', 'GET', /^HTTP\/1\.1 304 Not Modified\r\n[^]*\r\n\r\n$/],
] as const) {
  test(`a Trailer field does no harm: ${path}`, async (t) => {
    t.regex(await ask(path, { method }), expected);
  });
}

test('204 has no Content-Length', async (t) => {
  const answer = await ask('/no-content');
  t.regex(answer, /^HTTP\/1\.1 204 No Content\r\n/);
  t.notRegex(answer, /content-length/i);
});

test('a client of HTTP/1.0 is answered as it expects', async (t) => {
  const { ended } = sendRaw(gateway.port('web'), 'GET /chunked HTTP/1.0\r\nHost: a\r\n\r\n');
  const answer = (await within('it ends', ended)).toString('latin1');
  t.notRegex(answer, /transfer-encoding/i);
  t.regex(answer, /\r\n\r\nfile$/);
});

for (const path of ['/unasked', '/unasked-named', '/malformed']) {
  test(`${path}: 502, and the next request has a connection of its own`, async (t) => {
    const before = service.requests.length;
    const answer = await ask(path);
    t.regex(answer, /^HTTP\/1\.1 502 Bad Gateway\r\n/);
    t.regex(answer, /\r\nProxy-Status: hauberk; error=http_protocol_error\r\n/);
    t.regex(await ask('/innocent'), /^HTTP\/1\.1 200 OK\r\n/);
    t.is(service.requests.slice(before).filter((one) => one.includes(`${path} `)).length, 1);
  });
}
