// A request that breaks the rules of HTTP ends with its stream, with PROTOCOL_ERROR, and never with the connection:
// the next request of the same client is served.
import test from 'ava';
import { ERROR_CODE, FRAME } from '../../../../proxy/http2/protocol.ts';
import { frame } from '../../../helpers/clients/http2-frames.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { goawayCode, resetCode } from '../../http2/harness.ts';
import { echo, listen, receive } from './harness.ts';
import { data, GET, headers, POST, rawClient } from './raw-peer.ts';

type Fields = readonly (readonly [string, string])[];

const without = (name: string): Fields => GET.filter(([own]) => own !== name);
const instead = (name: string, value: string): Fields =>
  GET.map(([own, old]) => [own, own === name ? value : old]);

/** The fields of a request, and what is wrong with them. */
const MALFORMED: Readonly<Record<string, Fields>> = {
  'a name in upper case': [...GET, ['X-Big', '1']],
  'a name with a space': [...GET, ['x y', '1']],
  'a name with a colon': [...GET, ['x:y', '1']],
  'a name with a colon and a space': [...GET, ['x: y', '1']],
  'a name with CR LF': [...GET, ['x\r\ny', '1']],
  'a name with NUL': [...GET, ['x\0', '1']],
  'a name beyond ASCII': [...GET, ['xé', '1']],
  'an empty name': [...GET, ['', '1']],
  'a value with CR': [...GET, ['x', 'a\rb']],
  'a value with LF': [...GET, ['x', 'a\nb']],
  'a value with CR LF': [...GET, ['x', 'a\r\nevil: 1']],
  'a value with NUL': [...GET, ['x', 'a\0b']],
  'a value with a control character': [...GET, ['authorization', 'a\x01b']],
  'a value with DEL': [...GET, ['authorization', 'a\x7fb']],
  'a value with a leading space': [...GET, ['x', ' a']],
  'a value with a trailing space': [...GET, ['x', 'a ']],
  'a value with a leading tab': [...GET, ['x', '\ta']],
  Connection: [...GET, ['connection', 'close']],
  'Keep-Alive': [...GET, ['keep-alive', '5']],
  'Proxy-Connection': [...GET, ['proxy-connection', 'keep-alive']],
  'Transfer-Encoding': [...GET, ['transfer-encoding', 'chunked']],
  Upgrade: [...GET, ['upgrade', 'websocket']],
  'TE that is more than trailers': [...GET, ['te', 'trailers, gzip']],
  'no method': without(':method'),
  'no scheme': without(':scheme'),
  'no path': without(':path'),
  'an empty method': instead(':method', ''),
  'a method that is no token': instead(':method', 'GE T'),
  'an empty path': instead(':path', ''),
  'a path without its slash': instead(':path', 'x'),
  'a path with a space': instead(':path', '/x y'),
  'a path with a fragment': instead(':path', '/x#y'),
  'a path with CR LF': instead(':path', '/x\r\ny'),
  'an absolute path': instead(':path', 'http://a.example/'),
  'the whole server with GET': instead(':path', '*'),
  'a scheme that is none of HTTP': instead(':scheme', 'ftp'),
  'an empty authority': instead(':authority', ''),
  'an authority with user information': instead(':authority', 'me@a.example'),
  'an authority with a path': instead(':authority', 'a.example/x'),
  'an authority beyond ASCII': instead(':authority', 'a\xe9.example'),
  'an authority with a space': instead(':authority', 'a example'),
  'another Host': [...GET, ['host', 'b.example']],
  'another Host by its port': [...GET, ['host', 'a.example:81']],
  'two Hosts': [...GET, ['host', 'a.example'], ['host', 'a.example']],
  'a Host without authority that is none': [...without(':authority'), ['host', 'a/b']],
  'two methods': [[':method', 'GET'], ...GET],
  'a pseudo-header field of responses': [...GET, [':status', '200']],
  'an unknown pseudo-header field': [[':x', '1'], ...GET],
  'a pseudo-header field behind another': [...without(':path'), ['x', '1'], [':path', '/']],
  'a Content-Length that is none': [...POST, ['content-length', '5x']],
  'a negative Content-Length': [...POST, ['content-length', '-1']],
  'a Content-Length with a sign': [...POST, ['content-length', '+5']],
  'two Content-Lengths': [...POST, ['content-length', '5'], ['content-length', '5']],
  'a list of Content-Lengths': [...POST, ['content-length', '5, 5']],
  'CONNECT with a path': [[':method', 'CONNECT'], ...GET.slice(1)],
  'CONNECT without authority': [[':method', 'CONNECT']],
  'a protocol of another method': [...GET.slice(0, 1), [':protocol', 'websocket'], ...GET.slice(1)],
};

for (const [what, fields] of Object.entries(MALFORMED)) {
  test(`the stream ends, and the next request is served: ${what}`, async (t) => {
    await using served = await listen(echo);
    const client = await rawClient(t, served.port);
    const frames = await client.send(
      headers(1, fields, { endStream: true }),
      headers(3, GET, { endStream: true }),
    );
    t.is(resetCode(frames, 1), ERROR_CODE.PROTOCOL_ERROR);
    t.is(goawayCode(frames), undefined);
    t.deepEqual(
      frames.filter(({ type }) => type === FRAME.HEADERS).map(({ stream }) => stream),
      [3],
      'nothing but the good one was answered',
    );
    t.deepEqual(
      served.refusals.map(({ reason, status }) => [reason, status]),
      [['malformed', 0]],
    );
    t.regex(served.refusals[0]?.sentence ?? '', /^expected .*, got /);
  });
}

/** What comes of a POST, and what is wrong with it. */
const BODIES: Readonly<Record<string, readonly Buffer[]>> = {
  'a body longer than announced': [headers(1, [...POST, ['content-length', '3']]), data(1, 'four')],
  'a body longer than announced, in parts': [
    headers(1, [...POST, ['content-length', '3']]),
    data(1, 'ab'),
    data(1, 'cd', { endStream: true }),
  ],
  'a body shorter than announced': [
    headers(1, [...POST, ['content-length', '3']]),
    data(1, 'ab', { endStream: true }),
  ],
  'no body where one was announced': [
    headers(1, [...POST, ['content-length', '3']], { endStream: true }),
  ],
  'trailers before all of the body': [
    headers(1, [...POST, ['content-length', '3']]),
    headers(1, [['x-sum', '1']], { endStream: true }),
  ],
  'trailers that do not end the request': [headers(1, POST), headers(1, [['x-sum', '1']])],
  'a pseudo-header field in trailers': [
    headers(1, POST),
    headers(1, [[':path', '/']], { endStream: true }),
  ],
  'a connection field in trailers': [
    headers(1, POST),
    headers(1, [['connection', 'close']], { endStream: true }),
  ],
  'CR LF in trailers': [headers(1, POST), headers(1, [['x', 'a\r\nb']], { endStream: true })],
  'Content-Length in trailers': [
    headers(1, POST),
    headers(1, [['content-length', '0']], { endStream: true }),
  ],
};

for (const [what, parts] of Object.entries(BODIES)) {
  test(`the stream ends, its receiver hears no end, and the next request is served: ${what}`, async (t) => {
    const bodies: ReturnType<typeof receive>[] = [];
    await using served = await listen((exchange) => {
      if (exchange.request.method === 'GET') echo(exchange);
      else bodies.push(receive(exchange));
    });
    const client = await rawClient(t, served.port);
    const frames = await client.send(...parts, headers(3, GET, { endStream: true }));
    t.is(resetCode(frames, 1), ERROR_CODE.PROTOCOL_ERROR);
    t.is(goawayCode(frames), undefined);
    t.true(frames.some(({ type, stream }) => type === FRAME.HEADERS && stream === 3));
    for (const body of bodies) {
      t.deepEqual([body.ends, body.isWhole], [0, false]);
      t.deepEqual(body.closes, ['reset']);
    }
    t.is(served.budget.totalBytes, 0);
  });
}

test('what only looks odd is served', async (t) => {
  const odd: readonly Fields[] = [
    [...GET, ['te', 'trailers']],
    [...GET, ['te', 'Trailers']],
    [...GET, ['x', '']],
    [...GET, ['x', 'caf\xe9']],
    [...GET, ['host', 'A.EXAMPLE']],
    [...without(':authority'), ['host', 'a.example']],
    instead(':method', 'PURGE'),
    instead(':path', '/%2e%2e//x?a#'.slice(0, -1)),
    instead(':path', '/caf\xe9'),
    [[':method', 'OPTIONS'], ...instead(':path', '*').slice(1)],
    [...GET, ['content-length', '0']],
  ];
  const seen: string[] = [];
  await using served = await listen((exchange) => {
    seen.push(`${exchange.request.method} ${exchange.request.target}`);
    echo(exchange);
  });
  const client = await rawClient(t, served.port);
  const frames = await client.send(
    ...odd.map((fields, at) => headers(1 + 2 * at, fields, { endStream: true })),
  );
  t.deepEqual(served.refusals, []);
  t.is(seen.length, odd.length);
  t.is(frames.filter(({ type }) => type === FRAME.RST_STREAM).length, 0);
});

test('a connection error ends the connection, and is told', async (t) => {
  await using served = await listen(echo);
  const client = await rawClient(t, served.port);
  const frames = await client.send(
    frame({ type: FRAME.HEADERS, flags: 4, stream: 1, payload: Buffer.of(0x80) }),
  );
  t.is(goawayCode(frames), ERROR_CODE.COMPRESSION_ERROR);
  client.socket.end();
  await eventually('the end', () => served.closed === 1 || undefined);
  t.is(served.refusals.length, 1);
});
