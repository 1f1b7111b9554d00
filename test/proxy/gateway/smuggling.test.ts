/**
 * What one server could read in another way than the next is refused with 400, the connection is
 * closed, and nothing of it reaches a service. What is allowed beside it gets through.
 */
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { sendRaw } from '../../helpers/clients/raw-connection.ts';
import { fileScope } from '../../helpers/scope.ts';
import { type EchoApp, type SeenRequest, startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();
let app: EchoApp;
let gateway: GatewayUnderTest;

test.before(async () => {
  app = await startEchoApp(scope, 'app');
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80'}]}`,
    services: { app: app.port },
  });
});

const HOST = 'Host: a.example\r\n';
const POST = `POST / HTTP/1.1\r\n${HOST}`;
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n`;
const NOTHING = '\r\n0\r\n\r\n';

const REFUSED: readonly (readonly [string, string, status?: number])[] = [
  ['a length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n${NOTHING}`],
  ['chunks and a length', `${CHUNKED}Content-Length: 5\r\n${NOTHING}`],
  ['two lengths that differ', `${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`],
  ['two lengths that agree', `${POST}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`],
  ['a list of lengths', `${POST}Content-Length: 5, 5\r\n\r\nhello`],
  ['a length with a sign', `${POST}Content-Length: +5\r\n\r\nhello`],
  ['a length in hexadecimal', `${POST}Content-Length: 0x5\r\n\r\nhello`],
  ['a length with a space in it', `${POST}Content-Length: 5 5\r\n\r\nhello`],
  ['an empty length', `${POST}Content-Length: \r\n\r\n`],
  ['a length beyond all numbers', `${POST}Content-Length: ${'9'.repeat(30)}\r\n\r\n`],
  ['an unknown coding', `${POST}Transfer-Encoding: xchunked\r\n${NOTHING}`],
  ['the coding identity', `${POST}Transfer-Encoding: identity\r\n\r\n`],
  ['a coding after chunks', `${POST}Transfer-Encoding: chunked, gzip\r\n${NOTHING}`],
  ['an empty coding before chunks', `${POST}Transfer-Encoding: ,chunked\r\n${NOTHING}`],
  ['chunks twice', `${CHUNKED}Transfer-Encoding: chunked\r\n${NOTHING}`],
  ['chunks and identity', `${CHUNKED}Transfer-Encoding: identity\r\n${NOTHING}`],
  ['chunks with a parameter', `${POST}Transfer-Encoding: chunked;a=b\r\n${NOTHING}`],
  ['chunks behind a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n${NOTHING}`],
  ['chunks in HTTP/1.0', `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n${NOTHING}`],
  ['a space before the colon', `${POST}Transfer-Encoding : chunked\r\n${NOTHING}`],
  ['a folded field', `GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`],
  ['a folded length', `${POST}Content-Length:\r\n 5\r\n\r\nhello`],
  ['a folded coding', `${POST}Transfer-Encoding:\r\n chunked\r\n${NOTHING}`],
  ['a field before the first', `GET / HTTP/1.1\r\n X: a\r\n${HOST}\r\n`],
  ['bare line feeds', 'GET / HTTP/1.1\nHost: a.example\n\n'],
  ['a bare line feed after a field', `GET / HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n`],
  ['a bare line feed at the end', `GET / HTTP/1.1\r\n${HOST}\n`],
  ['a bare carriage return', 'GET / HTTP/1.1\r\nHost: a.example\rX: y\r\n\r\n'],
  ['a null byte in a value', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  ['a null byte in a name', `GET / HTTP/1.1\r\n${HOST}X\0Y: b\r\n\r\n`],
  ['a field without a name', `GET / HTTP/1.1\r\n${HOST}: b\r\n\r\n`],
  ['a field without a colon', `GET / HTTP/1.1\r\n${HOST}foo\r\n\r\n`],
  ['a chunk that ends with a line feed', `${CHUNKED}\r\n5\nhello\n0\n\n`],
  ['a chunk size in another notation', `${CHUNKED}\r\n0x5\r\nhello${NOTHING}`],
  ['a negative chunk size', `${CHUNKED}\r\n-5\r\nhello${NOTHING}`],
  ['a chunk size that overflows', `${CHUNKED}\r\n10000000000000005\r\nhello${NOTHING}`],
  ['a chunk that is longer than it says', `${CHUNKED}\r\n5\r\nhelloXX${NOTHING}`],
  ['a line feed in a chunk extension', `${CHUNKED}\r\n5;a\nhello${NOTHING}`],
  ['a carriage return in a chunk extension', `${CHUNKED}\r\n5;a\rb\r\nhello${NOTHING}`],
  ['endless chunk extensions', `${CHUNKED}\r\n5;${'a'.repeat(20_000)}\r\nhello${NOTHING}`],
  ['a length among the trailers', `${CHUNKED}\r\n0\r\nContent-Length: 5\r\n\r\n`],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['two hosts', `GET / HTTP/1.1\r\n${HOST}Host: b.example\r\n\r\n`],
  ['the same host twice', `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`],
  ['an empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['a host that is none', 'GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n'],
  ['a host with a user', 'GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n'],
  ['two hosts in one', 'GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n'],
  ['another scheme', `GET ftp://a.example/ HTTP/1.1\r\n${HOST}\r\n`],
  ['a target that is no path', `GET x HTTP/1.1\r\n${HOST}\r\n`],
  ['a star for a GET', `GET * HTTP/1.1\r\n${HOST}\r\n`],
  ['a fragment', `GET /#a HTTP/1.1\r\n${HOST}\r\n`],
  ['a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  ['HTTP/0.9', 'GET /\r\n\r\n'],
  ['a tab after the method', `GET\t/ HTTP/1.1\r\n${HOST}\r\n`],
  ['what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  [
    'a WebSocket with a body',
    `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx`,
  ],
];

/** What is well said, and not spoken here (RFC 9112 section 6.1, RFC 9110 section 15.6.6). */
const UNSUPPORTED: readonly (readonly [string, string, status: number])[] = [
  ['a coding before chunks', `${POST}Transfer-Encoding: gzip, chunked\r\n${NOTHING}`, 501],
  ['HTTP/2.0 in HTTP/1', `GET / HTTP/2.0\r\n${HOST}\r\n`, 505],
];

/** A request that would be served, were it taken for one. */
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n';

for (const [what, bytes, status = 400] of [...REFUSED, ...UNSUPPORTED]) {
  test.serial(`refused: ${what}`, async (t) => {
    const before = app.seen.length;
    const { ended } = sendRaw(gateway.port('web'), Buffer.from(`${bytes}${SMUGGLED}`, 'latin1'));
    const answers = (await within('the connection is closed', ended)).toString('latin1');
    t.is(answers.slice(0, 12), `HTTP/1.1 ${status}`);
    t.regex(answers, /\r\nConnection: close\r\n/i);
    t.regex(answers, /\r\nProxy-Status: hauberk; error=http_request_error\r\n/);
    t.is(answers.split('HTTP/1.1 ').length, 2, 'there is one answer');
    const paths = app.seen.slice(before).map(({ url }) => url);
    t.false(paths.includes('/smuggled'), 'nothing was smuggled');
  });
}

const ALLOWED: readonly (readonly [string, string, Partial<SeenRequest>])[] = [
  ['a body with a length', `${POST}Content-Length: 5\r\n\r\nhello`, { body: 'hello' }],
  ['a body in chunks', `${CHUNKED}\r\n5\r\nhello${NOTHING}`, { body: 'hello' }],
  ['a chunk extension', `${CHUNKED}\r\n5;a=b\r\nhello${NOTHING}`, { body: 'hello' }],
  [
    'chunks in other letters',
    `${POST}Transfer-Encoding: Chunked\r\n\r\n2\r\nhi${NOTHING}`,
    { body: 'hi' },
  ],
  [
    'a GET with a body',
    `GET / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nhi${NOTHING}`,
    { body: 'hi' },
  ],
  [
    'a DELETE with a body',
    `DELETE / HTTP/1.1\r\n${HOST}Content-Length: 2\r\n\r\nhi`,
    { body: 'hi' },
  ],
  ['the host in the target', `GET http://a.example/x?y HTTP/1.1\r\n${HOST}\r\n`, { url: '/x?y' }],
  [
    'dots that lead nowhere',
    `GET /a..b/.c/...?../ HTTP/1.1\r\n${HOST}\r\n`,
    { url: '/a..b/.c/...?../' },
  ],
  ['a star for OPTIONS', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, { url: '*' }],
  ['HTTP/1.0 without a host', 'GET /old HTTP/1.0\r\n\r\n', { url: '/old' }],
  ['an empty line before', `\r\nGET /late HTTP/1.1\r\n${HOST}\r\n`, { url: '/late' }],
];

for (const [what, bytes, expected] of ALLOWED) {
  test.serial(`allowed: ${what}`, async (t) => {
    const before = app.seen.length;
    const text = bytes.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
    const { ended } = sendRaw(gateway.port('web'), text);
    const answer = (await within('the connection is closed', ended)).toString();
    t.regex(answer, /^HTTP\/1\.1 200 OK\r\n/);
    t.is(app.seen.length, before + 1);
    t.like(app.seen.at(-1), expected);
  });
}

for (const path of ['/a/../b', '/a/%2e%2E/b', '/a\\..\\b', '/a/..%2fb', '/a/..%5Cb', '/a/..;x/b']) {
  test.serial(`refused: ${path}, and the connection goes on`, async (t) => {
    const before = app.seen.length;
    const next = `GET /next HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
    const text = `GET ${path} HTTP/1.1\r\n${HOST}\r\n${next}`;
    const { ended } = sendRaw(gateway.port('web'), text);
    const answers = (await within('the connection is closed', ended)).toString('latin1');
    t.regex(answers, /^HTTP\/1\.1 400 Bad Request\r\n[^]*HTTP\/1\.1 200 OK\r\n/);
    t.deepEqual(
      app.seen.slice(before).map(({ url }) => url),
      ['/next'],
    );
  });
}

test.serial('the absolute form of a target wins over Host (RFC 9112 section 3.2.2)', async (t) => {
  const text = `GET http://b.example/x HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`;
  await within('it is answered', sendRaw(gateway.port('web'), text).ended);
  t.like(app.seen.at(-1), { url: '/x' });
  t.is(app.seen.at(-1)?.headers['host'], 'b.example');
});

test.serial('a CONNECT and a TRACE are not allowed', async (t) => {
  for (const bytes of [
    `CONNECT a.example:443 HTTP/1.1\r\n${HOST}\r\n`,
    `TRACE / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
  ]) {
    const { ended } = sendRaw(gateway.port('web'), bytes);
    t.regex((await within('it is closed', ended)).toString(), /^HTTP\/1\.1 405 /);
  }
});

test.serial(
  'an upgrade to anything else is answered like any request, and stays HTTP',
  async (t) => {
    const { ended } = sendRaw(
      gateway.port('web'),
      `GET /h2c HTTP/1.1\r\n${HOST}Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    );
    t.regex((await within('it is closed', ended)).toString(), /^HTTP\/1\.1 200 OK/);
    const { headers = {} } = app.seen.at(-1) ?? {};
    t.like(headers, { upgrade: undefined, 'http2-settings': undefined });
  },
);
