import type { Exchange } from '../exchange.ts';
import { chunked, eachByte, request, single } from './requests.ts';

const POST = { method: 'POST' } as const;
const CHUNKED = 'Transfer-Encoding: chunked';

function posted(name: string, fields: readonly string[], body: string): Exchange {
  return single('framing', name, { ...POST, fields, body });
}

const LONG = 'x'.repeat(70_000);

/** Bodies in all ways in which they may be written (RFC 9112 sections 6 and 7). */
const BODIES: readonly Exchange[] = [
  ...[1, 2, 15, 16, 17, 255, 4_096, 16_384, 65_537].flatMap((size) => [
    posted(`a length of ${size}`, [`Content-Length: ${size}`], 'y'.repeat(size)),
    posted(`a chunk of ${size}`, [CHUNKED], chunked(['y'.repeat(size)])),
  ]),
  posted('a length with zeros before it', ['Content-Length: 0005'], 'hello'),
  posted(
    'a long body in many chunks',
    [CHUNKED],
    chunked(Array.from({ length: 70 }, () => 'z'.repeat(1_000))),
  ),
  posted('a chunk size in capital letters', [CHUNKED], `A\r\n0123456789\r\n0\r\n\r\n`),
  posted('a chunk size with zeros before it', [CHUNKED], `0005\r\nhello\r\n000\r\n\r\n`),
  posted('a chunk extension', [CHUNKED], `5;a=b\r\nhello\r\n0;c\r\n\r\n`),
  posted('a quoted chunk extension', [CHUNKED], `5;a="b;c"\r\nhello\r\n0\r\n\r\n`),
  posted('a chunk extension with blanks', [CHUNKED], `5 ; a = b\r\nhello\r\n0\r\n\r\n`),
  posted('chunked in other letters', ['transfer-encoding: CHUNKED'], chunked(['hello'])),
  posted(
    'a coding with blanks around it',
    ['Transfer-Encoding: \t chunked \t'],
    chunked(['hello']),
  ),
  posted(
    'bytes of all values',
    ['Content-Length: 256'],
    Array.from({ length: 256 }, (_, at) => String.fromCharCode(at)).join(''),
  ),
  posted(
    'a body that looks like a request',
    ['Content-Length: 34'],
    'GET /other HTTP/1.1\r\nHost: b\r\n\r\n12',
  ),
];

const TRAILERS: readonly Exchange[] = [
  ['one trailer', ['X-Sum: 1']],
  ['two trailers', ['X-Sum: 1', 'X-Other: 2']],
  ['two trailers of one name', ['X-Sum: 1', 'X-Sum: 2']],
  ['a trailer with obs-text', ['X-Sum: caf\xe9']],
  ['an empty trailer', ['X-Sum:']],
].map(([name, trailers]) =>
  single('trailers', `a request with ${String(name)}`, {
    ...POST,
    fields: [CHUNKED, 'Trailer: X-Sum'],
    body: chunked(['hello'], trailers as readonly string[]),
  }),
);

/** The same bytes in several writes. */
const SPLIT: readonly Exchange[] = [1, 7, 20, 60, 100, 118].flatMap((at) =>
  (['length', 'chunks'] as const).map((framing) => {
    const name = `${framing} after a pause at ${at}`;
    const whole =
      framing === 'length'
        ? request(name, { ...POST, fields: ['Content-Length: 5'], body: 'hello' })
        : request(name, { ...POST, fields: [CHUNKED], body: chunked(['he', 'llo']) });
    return single('split', name, POST, { pieces: [whole.slice(0, at), whole.slice(at)] });
  }),
);

const BYTE_BY_BYTE: readonly Exchange[] = (['length', 'chunks'] as const).map((framing) => {
  const name = `${framing} byte by byte`;
  const whole =
    framing === 'length'
      ? request(name, { ...POST, fields: ['Content-Length: 5'], body: 'hello' })
      : request(name, { ...POST, fields: [CHUNKED], body: chunked(['he', 'llo'], ['X-Sum: 1']) });
  return single('split', name, POST, { pieces: eachByte(whole) });
});

const PIPELINED: readonly Exchange[] = [
  ['two GETs', ['GET', 'GET']],
  ['GET, HEAD, GET', ['GET', 'HEAD', 'GET']],
  ['POST, GET', ['POST', 'GET']],
  ['ten GETs', Array.from({ length: 10 }, () => 'GET')],
  ['POST, POST, DELETE', ['POST', 'POST', 'DELETE']],
].map(([what, methods]) => {
  const name = `pipelined: ${String(what)}`;
  const requests = (methods as readonly string[]).map((method, at) =>
    request(name, {
      method,
      target: `/${at}`,
      ...(method === 'POST' &&
        (at % 2 === 0
          ? { fields: ['Content-Length: 5'], body: 'hello' }
          : { fields: [CHUNKED], body: chunked(['hello']) })),
    }),
  );
  return single(
    'pipelined',
    name,
    {},
    { pieces: [requests.join('')], methods: methods as readonly string[] },
  );
});

const LARGE: readonly Exchange[] = [
  posted('a body of 70,000 bytes', [`Content-Length: ${LONG.length}`], LONG),
];

/** How bodies are framed, split and follow each other. */
export const FRAMING_EXCHANGES: readonly Exchange[] = [
  ...BODIES,
  ...TRAILERS,
  ...SPLIT,
  ...BYTE_BY_BYTE,
  ...PIPELINED,
  ...LARGE,
];
