import type { Exchange, RawAnswer } from '../exchange.ts';
import { chunked, eachByte, request, response, single } from './requests.ts';

function answered(
  name: string,
  bytes: string | readonly string[],
  more: Partial<RawAnswer> = {},
  methods: readonly string[] = ['GET'],
): Exchange[] {
  const pieces = typeof bytes === 'string' ? [bytes] : bytes;
  return methods.map((method) =>
    single(
      'answer',
      `${method}: ${name}`,
      { method },
      {
        answer: { pieces, on: 'whole', after: 'keep', ...more },
      },
    ),
  );
}

const BOTH = ['GET', 'HEAD'];

const STATUSES = [
  200, 201, 202, 203, 204, 205, 206, 207, 226, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403,
  404, 405, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 425, 426, 428,
  429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 599,
];

const WITH_STATUS = STATUSES.flatMap((status) =>
  answered(
    `status ${status}`,
    status === 204 || status === 304
      ? response(`${status} A Reason`, [])
      : response(`${status} A Reason`, ['Content-Length: 2'], 'ok'),
  ),
);

const REASONS = ['OK', '', 'Not  Two Blanks', 'a'.repeat(300), 'caf\xe9', '(c) "x"'].flatMap(
  (reason) =>
    answered(
      `the reason ${JSON.stringify(reason.slice(0, 20))}`,
      response(`200 ${reason}`, ['Content-Length: 2'], 'ok'),
    ),
);

/** Framings of answers (RFC 9112 section 6.3), with what HEAD, 204 and 304 make of them. */
const FRAMED = [
  ...answered('a length', response('200 OK', ['Content-Length: 5'], 'hello')),
  ...answered('a length of nothing', response('200 OK', ['Content-Length: 0']), {}, BOTH),
  ...answered(
    'the length of a body that HEAD does not get',
    response('200 OK', ['Content-Length: 5']),
    {},
    ['HEAD'],
  ),
  ...answered('chunked without a body', response('200 OK', ['Transfer-Encoding: chunked']), {}, [
    'HEAD',
  ]),
  ...answered('no framing', response('200 OK', []), {}, ['HEAD']),
  ...answered(
    'a Trailer',
    response('200 OK', ['Trailer: X-Sum', 'Transfer-Encoding: chunked']),
    {},
    ['HEAD'],
  ),
  ...answered(
    'a Trailer beside a length',
    response('200 OK', ['Trailer: X-Sum', 'Content-Length: 2'], 'ok'),
  ),
  ...answered('a Trailer of 304', response('304 Not Modified', ['Trailer: X-Sum', 'ETag: "a"'])),
  ...answered('304 with a length', response('304 Not Modified', ['Content-Length: 5']), {}, BOTH),
  ...answered('304 with chunked', response('304 Not Modified', ['Transfer-Encoding: chunked'])),
  ...answered('204 with a length', response('204 No Content', ['Content-Length: 0'])),
  ...answered('chunks', response('200 OK', ['Transfer-Encoding: chunked'], chunked(['hel', 'lo']))),
  ...answered('chunks of nothing', response('200 OK', ['Transfer-Encoding: chunked'], chunked([]))),
  ...answered(
    'a chunk extension',
    response('200 OK', ['Transfer-Encoding: chunked'], '5;a=b\r\nhello\r\n0\r\n\r\n'),
  ),
  ...answered(
    'trailers',
    response(
      '200 OK',
      ['Trailer: X-Sum', 'Transfer-Encoding: chunked'],
      chunked(['hello'], ['X-Sum: 1', 'X-Two: caf\xe9']),
    ),
  ),
  ...answered('a body up to the end', response('200 OK', [], 'hello'), { after: 'end' }),
  ...answered('a body of nothing up to the end', response('200 OK', []), { after: 'end' }),
  ...answered('a body up to the end of HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nhello', { after: 'end' }),
  ...answered('HTTP/1.0 with a length', 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', {
    after: 'end',
  }),
  ...answered(
    'HTTP/1.0 that is kept',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
  ),
  ...answered('a length in pieces', eachByte(response('200 OK', ['Content-Length: 5'], 'hello'))),
  ...answered(
    'chunks in pieces',
    eachByte(
      response('200 OK', ['Transfer-Encoding: chunked'], chunked(['hello', 'you'], ['X-Sum: 1'])),
    ),
  ),
  ...answered(
    'a body of 100,000 bytes',
    response('200 OK', ['Content-Length: 100000'], 'b'.repeat(100_000)),
  ),
  ...answered(
    'the same length twice',
    response('200 OK', ['Content-Length: 2', 'Content-Length: 2'], 'ok'),
  ),
  ...answered(
    'bytes of all values',
    response(
      '200 OK',
      ['Content-Length: 256'],
      Array.from({ length: 256 }, (_, at) => String.fromCharCode(at)).join(''),
    ),
  ),
];

/** What is no answer, or one that can be read in two ways. */
const WRONG = [
  ...answered(
    'two lengths',
    response('200 OK', ['Content-Length: 2', 'Content-Length: 3'], 'okk'),
    { after: 'end' },
  ),
  ...answered(
    'a length and chunks',
    response('200 OK', ['Content-Length: 2', 'Transfer-Encoding: chunked'], chunked(['ok'])),
    { after: 'end' },
  ),
  ...answered('a length with a sign', response('200 OK', ['Content-Length: +2'], 'ok'), {
    after: 'end',
  }),
  ...answered('a negative length', response('200 OK', ['Content-Length: -2'], 'ok'), {
    after: 'end',
  }),
  ...answered('a list of lengths', response('200 OK', ['Content-Length: 2, 2'], 'ok'), {
    after: 'end',
  }),
  ...answered('an unknown coding', response('200 OK', ['Transfer-Encoding: gzip'], 'ok'), {
    after: 'end',
  }),
  ...answered(
    'a coding before chunks',
    response('200 OK', ['Transfer-Encoding: gzip, chunked'], chunked(['ok'])),
    { after: 'end' },
  ),
  ...answered(
    'a bad chunk size',
    response('200 OK', ['Transfer-Encoding: chunked'], 'x\r\nok\r\n0\r\n\r\n'),
    { after: 'end' },
  ),
  ...answered(
    'a chunk that is too long',
    response('200 OK', ['Transfer-Encoding: chunked'], '1\r\nok\r\n0\r\n\r\n'),
    { after: 'end' },
  ),
  ...answered('a folded field', response('200 OK', ['X-A: b\r\n c', 'Content-Length: 2'], 'ok')),
  ...answered('a bare line feed', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  ...answered('a null byte', response('200 OK', ['X-A: b\0c', 'Content-Length: 2'], 'ok')),
  ...answered(
    'a bare carriage return',
    response('200 OK', ['X-A: b\rX-B: c', 'Content-Length: 2'], 'ok'),
  ),
  ...answered(
    'a space before the colon',
    response('200 OK', ['X-A : b', 'Content-Length: 2'], 'ok'),
  ),
  ...answered('a line without a colon', response('200 OK', ['nothing', 'Content-Length: 2'], 'ok')),
  ...answered('a field without a name', response('200 OK', [': b', 'Content-Length: 2'], 'ok')),
  ...answered('a status of two digits', response('20 OK', ['Content-Length: 2'], 'ok'), {
    after: 'end',
  }),
  ...answered('a status of four digits', response('2000 OK', ['Content-Length: 2'], 'ok'), {
    after: 'end',
  }),
  ...answered('no status', response('OK', ['Content-Length: 2'], 'ok'), { after: 'end' }),
  ...answered('a status without a blank', response('200', ['Content-Length: 2'], 'ok')),
  ...answered('status 600', response('600 Odd', ['Content-Length: 2'], 'ok')),
  ...answered('status 099', response('099 Odd', ['Content-Length: 2'], 'ok'), { after: 'end' }),
  ...answered('HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok', { after: 'end' }),
  ...answered('what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', { after: 'end' }),
  ...answered('HTTP/0.9', 'hello', { after: 'end' }),
  ...answered('nothing', '', { after: 'end' }),
  ...answered('nothing but a reset', [], { after: 'reset' }),
  ...answered(
    'a 101 that nobody asked for',
    `${response('101 Switching Protocols', ['Upgrade: x', 'Connection: Upgrade'])}hello`,
  ),
  ...answered('a 101 without Upgrade', `${response('101 Switching Protocols', [])}hello`),
  ...answered('an answer twice', response('200 OK', ['Content-Length: 2'], 'ok').repeat(2)),
  ...answered('bytes after an answer', `${response('200 OK', ['Content-Length: 2'], 'ok')}junk`),
  ...answered('a body to HEAD', response('200 OK', ['Content-Length: 2'], 'ok'), {}, ['HEAD']),
  ...answered('a body with 204', response('204 No Content', ['Content-Length: 2'], 'ok')),
  ...answered('a body with 304', response('304 Not Modified', ['Content-Length: 2'], 'ok')),
];

const EARLY: Exchange[] = [
  single(
    'answer',
    'an answer before the body has come',
    { method: 'POST', fields: ['Content-Length: 5'] },
    {
      pieces: [
        request('an answer before the body has come', {
          method: 'POST',
          fields: ['Content-Length: 5'],
        }),
        'hello',
      ],
      answer: {
        pieces: [response('200 OK', ['Content-Length: 2'], 'ok')],
        on: 'head',
        after: 'keep',
      },
    },
  ),
  single(
    'answer',
    'a 413 and the end before the body has come',
    { method: 'POST', fields: ['Content-Length: 5'] },
    {
      answer: {
        pieces: [response('413 Too Large', ['Content-Length: 2', 'Connection: close'], 'no')],
        on: 'head',
        after: 'end',
      },
    },
  ),
];

/** What services answer, right and wrong. */
export const ANSWER_EXCHANGES: readonly Exchange[] = [
  ...WITH_STATUS,
  ...REASONS,
  ...FRAMED,
  ...WRONG,
  ...EARLY,
];
