// A response that breaks the rules of HTTP fails its request, and never the connection: the next one is answered.
import test from 'ava';
import { ERROR_CODE } from '../../../../proxy/http2/protocol.ts';
import { goawayCode, resetCode } from '../../http2/harness.ts';
import { ask } from './harness.ts';
import { connected, data, headers, ok, SETTINGS } from './raw-peer.ts';

/** Frames of a response, and what is wrong with them. */
const MALFORMED: Readonly<Record<string, readonly Buffer[]>> = {
  'no status': [headers(1, [['x', '1']])],
  'a status of two digits': [headers(1, [[':status', '20']])],
  'a status that is no number': [headers(1, [[':status', 'abc']])],
  'two statuses': [
    headers(1, [
      [':status', '200'],
      [':status', '200'],
    ]),
  ],
  'a pseudo-header field of requests': [
    headers(1, [
      [':status', '200'],
      [':path', '/'],
    ]),
  ],
  'a 101': [headers(1, [[':status', '101']])],
  'an interim response that ends': [headers(1, [[':status', '103']], { endStream: true })],
  Connection: [
    headers(1, [
      [':status', '200'],
      ['connection', 'close'],
    ]),
  ],
  'Transfer-Encoding': [
    headers(1, [
      [':status', '200'],
      ['transfer-encoding', 'chunked'],
    ]),
  ],
  'a name in upper case': [
    headers(1, [
      [':status', '200'],
      ['X-Big', '1'],
    ]),
  ],
  'a value with CR LF': [
    headers(1, [
      [':status', '200'],
      ['x', 'a\r\nb: c'],
    ]),
  ],
  'two Content-Lengths': [
    headers(1, [
      [':status', '200'],
      ['content-length', '1'],
      ['content-length', '1'],
    ]),
  ],
  'a body longer than announced': [
    headers(1, [
      [':status', '200'],
      ['content-length', '1'],
    ]),
    data(1, 'ab'),
  ],
  'a body shorter than announced': [
    headers(1, [
      [':status', '200'],
      ['content-length', '3'],
    ]),
    data(1, 'ab', { endStream: true }),
  ],
  'no body where one was announced': [
    headers(
      1,
      [
        [':status', '200'],
        ['content-length', '3'],
      ],
      { endStream: true },
    ),
  ],
  'a body of a 204': [headers(1, [[':status', '204']]), data(1, 'ab')],
  'a body of a 304': [
    headers(1, [
      [':status', '304'],
      ['content-length', '2'],
    ]),
    data(1, 'ab'),
  ],
  'a pseudo-header field in trailers': [
    ok(1, false),
    headers(1, [[':status', '200']], { endStream: true }),
  ],
  'trailers that do not end it': [ok(1, false), headers(1, [['x', '1']])],
  'DATA before the head': [data(1, 'ab')],
};

for (const [what, parts] of Object.entries(MALFORMED)) {
  test(`the request fails as malformed, and the connection goes on: ${what}`, async (t) => {
    const { dialled, server } = await connected(t);
    const [broken, next] = [ask(dialled), ask(dialled)];
    const frames = await server.send(SETTINGS, ...parts, ok(3));
    t.is(resetCode(frames, 1), ERROR_CODE.PROTOCOL_ERROR);
    t.is(goawayCode(frames), undefined);
    t.deepEqual(
      [broken.exchange.failure?.kind, broken.response.closes, broken.response.ends],
      ['malformed', ['reset'], 0],
    );
    t.regex(broken.exchange.failure?.sentence ?? '', /^expected /);
    t.true(next.response.isWhole);
    t.is(dialled.budget.totalBytes, 0);
  });
}
