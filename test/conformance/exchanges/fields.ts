import type { Exchange } from '../exchange.ts';
import { response, single } from './requests.ts';

/** Lines of fields with odd names and values, each allowed (RFC 9110 section 5). */
export const ODD_FIELDS: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ['an empty value', ['X-A:']],
  ['a value of blanks', ['X-A:  \t ']],
  ['no blank before the value', ['X-A:b']],
  ['blanks around the value', ['X-A: \t b \t ']],
  ['blanks in the value', ['X-A: a \t  b']],
  ['a name in capital letters', ['X-ALL-CAPS: b']],
  ['a name in mixed letters', ['x-MiXeD-Name: b']],
  ['a name of all characters', ["!#$%&'*+-.^_`|~09aZ: b"]],
  ['a name with an underscore', ['x_under_score: b']],
  ['a name that is a number', ['123: b']],
  ['a name of one letter', ['q: b']],
  ['a long name', [`x-${'n'.repeat(200)}: b`]],
  ['a long value', [`X-A: ${'v'.repeat(4_000)}`]],
  ['obs-text in latin1', ['X-A: caf\xe9']],
  ['obs-text in UTF-8', ['X-A: \xe6\x97\xa5\xe6\x9c\xac']],
  [
    'every byte of obs-text',
    [`X-A: ${Array.from({ length: 128 }, (_, at) => String.fromCharCode(128 + at)).join('')}`],
  ],
  [
    'every visible byte',
    [`X-A: ${Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at)).join('')}`],
  ],
  ['obs-text at both ends', ['X-A: \xe9b\xe9']],
  ['obs-text before a length', ['X-A: caf\xe9', 'X-B: 1']],
  ['a value with a colon', ['X-A: b: c']],
  ['a value that looks like a line', ['X-A: HTTP/1.1 200 OK']],
  ['one name twice', ['X-A: 1', 'X-A: 2']],
  ['one name twice in other letters', ['X-A: 1', 'x-a: 2']],
  ['one name apart', ['X-A: 1', 'X-B: 2', 'X-A: 3']],
  ['an empty one of two', ['X-A:', 'X-A: 2']],
  ['a list', ['X-A: a, b,, c ,']],
  ['a quoted string', ['X-A: "a, \\"b\\""']],
  ['many fields', Array.from({ length: 60 }, (_, at) => `X-${at}: ${at}`)],
  ['two cookies', ['Cookie: a=1', 'Cookie: b=2']],
  ['a cookie', ['Cookie: a=1; b=2; c="3"']],
  ['a date', ['If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT']],
  ['a range', ['Range: bytes=0-1, 5-']],
  ['credentials', ['Authorization: Basic YTpi']],
  ['codings', ['Accept-Encoding: gzip;q=1.0, *;q=0']],
  ['a Via', ['Via: 1.1 other']],
  ['Max-Forwards', ['Max-Forwards: 5']],
  ['__proto__', ['__proto__: x', 'constructor: y', 'hasOwnProperty: z']],
];

const ONLY_REQUESTS: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ['Connection: keep-alive', ['Connection: keep-alive']],
  ['Connection: close', ['Connection: close']],
  ['Connection that names a field', ['Connection: X-Secret', 'X-Secret: b', 'X-Other: c']],
  ['Connection that names two fields', ['Connection: x-secret , close', 'X-Secret: b']],
  ['Connection twice', ['Connection: X-Secret', 'Connection: X-More', 'X-Secret: b', 'X-More: c']],
  ['Connection that is empty', ['Connection: ,']],
  ['Keep-Alive', ['Connection: keep-alive', 'Keep-Alive: timeout=5']],
  ['Proxy-Connection', ['Proxy-Connection: keep-alive']],
  ['Proxy-Authorization', ['Proxy-Authorization: Basic YTpi']],
  ['TE: trailers', ['Connection: TE', 'TE: trailers']],
  ['TE with more', ['Connection: TE', 'TE: gzip, trailers;q=0.5']],
  ['Upgrade that nobody names', ['Upgrade: websocket']],
  [
    'Upgrade to h2c',
    ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'],
  ],
  ['Upgrade to something else', ['Connection: Upgrade', 'Upgrade: foo/2']],
  ['X-Forwarded-For', ['X-Forwarded-For: 192.0.2.1']],
  ['X-Forwarded-For twice', ['X-Forwarded-For: 192.0.2.1', 'X-Forwarded-For: 192.0.2.2']],
  ['X-Forwarded-Proto', ['X-Forwarded-Proto: https']],
  ['X-Forwarded-Host', ['X-Forwarded-Host: b.test']],
  ['X_Forwarded_For', ['X_Forwarded_For: 192.0.2.1']],
  ['X-Forwarded-Client-Cert', ['X-Forwarded-Client-Cert: URI=spiffe://a/b']],
  ['Forwarded', ['Forwarded: for=192.0.2.1']],
  ['X-Real-IP', ['X-Real-IP: 192.0.2.1']],
];

const ONLY_ANSWERS: readonly (readonly [what: string, lines: readonly string[]])[] = [
  ['Set-Cookie three times', ['Set-Cookie: a=1', 'Set-Cookie: b=2; Path=/', 'Set-Cookie: c=3']],
  ['Connection: close', ['Connection: close']],
  ['Connection that names a field', ['Connection: X-Secret', 'X-Secret: b', 'X-Other: c']],
  ['Keep-Alive', ['Keep-Alive: timeout=5']],
  ['Proxy-Authenticate', ['Proxy-Authenticate: Basic']],
  ['WWW-Authenticate twice', ['WWW-Authenticate: Basic', 'WWW-Authenticate: Negotiate']],
  ['Server', ['Server: an app']],
  ['Date', ['Date: Sun, 06 Nov 1994 08:49:37 GMT']],
  ['Location', ['Location: http://b.test/x?y#z']],
  ['Link', ['Link: </a>; rel=preload', 'Link: </b>; rel=preload']],
  ['Alt-Svc', ['Alt-Svc: h2=":443"']],
  ['Strict-Transport-Security', ['Strict-Transport-Security: max-age=1']],
  ['Upgrade', ['Connection: Upgrade', 'Upgrade: h2c']],
  ['X-Forwarded-For', ['X-Forwarded-For: 192.0.2.1']],
  ['X-Accel-Buffering', ['X-Accel-Buffering: no']],
];

/** Odd fields of requests, and of answers (RFC 9110 section 5). */
export const FIELD_EXCHANGES: readonly Exchange[] = [
  ...[...ODD_FIELDS, ...ONLY_REQUESTS].map(([what, fields]) =>
    single('request field', `a request with ${what}`, { fields }),
  ),
  ...ODD_FIELDS.map(([what, fields]) =>
    single('request field', `a request with a body and ${what}`, {
      method: 'POST',
      fields: ['Content-Length: 2', ...fields],
      body: 'ab',
    }),
  ),
  ...[...ODD_FIELDS, ...ONLY_ANSWERS].map(([what, fields]) =>
    single(
      'answer field',
      `an answer with ${what}`,
      {},
      {
        answer: {
          pieces: [response('200 OK', ['Content-Length: 2', ...fields], 'ok')],
          on: 'whole',
          after: 'keep',
        },
      },
    ),
  ),
];
