/**
 * What begins like HTTP/2 without TLS and is not, or says what HTTP/2 may not, reaches nobody. Beside it
 * stands what is served.
 */
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { CLIENT_PREFACE, FRAME } from '../../helpers/clients/http2-frames.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { sendRaw } from '../../helpers/clients/raw-connection.ts';
import { fileScope } from '../../helpers/scope.ts';
import { connectTcp, endOf } from '../../helpers/clients/tcp-client.ts';
import { type EchoApp, startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';
import { rawGet } from './raw-get.ts';

const scope = fileScope();
let app: EchoApp;
let gateway: GatewayUnderTest;

const LISTENER = `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'app:80'}]}\n`;

test.before(async () => {
  app = await startEchoApp(scope, 'app');
  gateway = await openGatewayUnderTest(scope, {
    listeners: LISTENER,
    services: { app: app.port },
  });
});

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

for (const [what, text] of [
  ['HTTP/2 in the request line', `PRI * HTTP/2.0\r\n\r\n${SMUGGLED}`],
  ['a preface that goes wrong at its end', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r${SMUGGLED}`],
  ['a preface with fields', `PRI * HTTP/2.0\r\nHost: a\r\n\r\nSM\r\n\r\n${SMUGGLED}`],
  ['a preface of HTTP/1.1', `PRI * HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
  ['a preface after a request line', `PRI ${SMUGGLED}`],
] as const) {
  test(`refused: ${what}`, async (t) => {
    const { ended } = sendRaw(gateway.port('web'), text);
    const answer = (await within('it is closed', ended)).toString();
    t.regex(answer, /^HTTP\/1\.1 (?:400 Bad Request|505 HTTP Version Not Supported)\r\n/);
    t.is(answer.split('HTTP/1.1 ').length, 2, 'there is one answer');
    t.false(app.seen.some(({ url }) => url === '/smuggled'));
  });
}

for (const [what, bytes] of [
  ['HTTP/1 after the preface', Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${SMUGGLED}`)],
  ['a request before SETTINGS', Buffer.concat([CLIENT_PREFACE.subarray(0, 24), rawGet('/never')])],
  ['garbage after SETTINGS', Buffer.concat([CLIENT_PREFACE, Buffer.alloc(1_000, 0xff)])],
] as const) {
  test(`ended: ${what}`, async (t) => {
    const { ended } = sendRaw(gateway.port('web'), bytes);
    const answer = await within('it is closed', ended);
    t.is(answer[3], FRAME.settings, 'it was taken for HTTP/2');
    t.false(app.seen.some(({ url }) => ['/smuggled', '/never'].includes(url)));
  });
}

for (const [what, path, fields] of [
  ['chunks', '/chunks', [['transfer-encoding', 'chunked']]],
  ['fields of one connection', '/connection', [['connection', 'x-hop']]],
  ['an upgrade', '/upgrade', [['upgrade', 'h2c']]],
  ['te that is not trailers', '/te', [['te', 'chunked']]],
  ['a length without a body', '/length', [['content-length', '5']]],
  ['a name in capitals', '/capitals', [['X-Own', 'a']]],
  ['a line end in the path', '/path HTTP/1.1\r\nhost: b', []],
  ['a pseudo-field twice', '/twice', [[':path', '/other']]],
  ['an unknown pseudo-field', '/pseudo', [[':status', '200']]],
  ['a line end in a value', '/line', [['x-bad', 'a\r\nhost: b']]],
  ['a null byte in a value', '/null', [['x-bad', 'a\0b']]],
  ['a space before a value', '/space', [['x-bad', ' a']]],
  ['a colon in a name', '/colon', [['x-bad: b', 'a']]],
] as const) {
  test(`reset, and not served: ${what}`, async (t) => {
    const after = `/after${path.slice(0, 5)}`;
    const socket = await connectTcp(t, gateway.port('web'));
    socket.write(Buffer.concat([CLIENT_PREFACE, rawGet(path, fields), rawGet(after, [], 3)]));
    const isServed = (): true | undefined => app.seen.some(({ url }) => url === after) || undefined;
    // What follows is served after it would have been, where the connection goes on.
    await Promise.race([eventually('the next is served', isServed), endOf(socket)]);
    t.false(app.seen.some(({ url }) => url.startsWith(path) || url === '/other'));
  });
}

for (const [what, text] of [
  ['nothing', ''],
  ['one letter', 'P'],
  ['what could be a method', 'PR'],
  ['all of the preface but its end', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r'],
] as const) {
  test(`408 after ${what}, and nothing more in time`, async (t) => {
    const clock = createManualClock();
    const { port, metrics } = await openGatewayUnderTest(t, {
      listeners: LISTENER,
      clock,
    });
    const count = async (name: string, labels = {}): Promise<number> =>
      (await metrics()).sum(name, labels);
    const { socket, ended } = sendRaw(port('web'), text);
    await eventually('it has arrived', async () => {
      const isOpen = (await count('hauberk_gateway_connections_open')) === 1;
      return (isOpen && socket.writableLength === 0) || undefined;
    });
    await clock.advance(14_999);
    t.is(socket.bytesRead, 0, 'there is time until then');
    t.is(await count('hauberk_gateway_connections_open'), 1);
    await clock.advance(1);
    const answer = (await within('it is ended', ended)).toString();
    t.regex(answer, /^HTTP\/1\.1 408 Request Timeout\r\n[^]*Connection: close\r\n/);
    t.is(await count('hauberk_gateway_requests_refused_total', { reason: 'too-late' }), 1);
  });
}

test.serial(
  'a preface that is broken off is refused, and whoever says nothing just leaves',
  async (t) => {
    const broken = await connectTcp(t, gateway.port('web'));
    broken.end('PRI * HTTP/2.0\r\n');
    const chunks = (await within('it ends', broken.setEncoding('utf8').toArray())) as string[];
    t.regex(chunks.join(''), /^HTTP\/1\.1 505 /);
    const refused = async (): Promise<number> =>
      (await gateway.metrics()).sum('hauberk_gateway_requests_refused_total');
    const before = await refused();
    const silent = await connectTcp(t, gateway.port('web'));
    silent.end();
    t.is(await endOf(silent), 'end');
    t.is(await refused(), before);
  },
);
