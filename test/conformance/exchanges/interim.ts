import type { Exchange } from '../exchange.ts';
import { response, single } from './requests.ts';

const FINAL = response('200 OK', ['Content-Length: 2'], 'ok');
const HINTS = response('103 Early Hints', ['Link: </a>; rel=preload']);
const PROCESSING = response('102 Processing', []);
const CONTINUE = response('100 Continue', []);

function informed(name: string, pieces: readonly string[], version = 'HTTP/1.1'): Exchange {
  return single(
    'interim',
    `${name} to ${version}`,
    { version },
    {
      answer: { pieces, on: 'whole', after: 'keep' },
    },
  );
}

const EXPECT = ['Expect: 100-continue', 'Content-Length: 5'];

function expecting(
  name: string,
  pieces: readonly string[],
  onceWhole?: string,
  fields = EXPECT,
  body = 'hello',
): Exchange {
  return single(
    'expect',
    name,
    { method: 'POST', fields },
    {
      afterInterim: body,
      answer: { pieces, on: 'head', after: 'keep', ...(onceWhole !== undefined && { onceWhole }) },
    },
  );
}

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
];
const SWITCHED = response('101 Switching Protocols', [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=',
]);

function upgraded(name: string, pieces: readonly string[], fields = UPGRADE): Exchange {
  const isSwitched = pieces[0] === SWITCHED;
  return single(
    'upgrade',
    name,
    { fields },
    {
      ...(isSwitched && { afterInterim: 'hello there' }),
      answer: { pieces, on: 'whole', after: 'keep', echoes: isSwitched },
    },
  );
}

/** Interim responses (RFC 9110 section 15.2), expectations (10.1.1), and what a connection becomes (7.8). */
export const INTERIM_EXCHANGES: readonly Exchange[] = [
  ...['HTTP/1.1', 'HTTP/1.0'].flatMap((version) => [
    informed('103', [HINTS, FINAL], version),
    informed('103 in one piece', [HINTS + FINAL], version),
    informed('two 103', [HINTS, HINTS, FINAL], version),
    informed('102', [PROCESSING, FINAL], version),
    informed('102 and 103', [PROCESSING, HINTS, FINAL], version),
    informed('100 that nobody waits for', [CONTINUE, FINAL], version),
    informed('150', [response('150 Odd', ['X-A: b']), FINAL], version),
  ]),
  expecting('Expect, and 100', [CONTINUE], FINAL),
  expecting('Expect, and 417', [
    response('417 Expectation Failed', ['Content-Length: 2', 'Connection: close'], 'no'),
  ]),
  expecting('Expect, and 413', [
    response('413 Content Too Large', ['Content-Length: 2', 'Connection: close'], 'no'),
  ]),
  expecting('Expect, and 200 at once', [FINAL]),
  expecting('Expect, and 103, 100', [HINTS, CONTINUE], FINAL),
  expecting(
    'Expect with chunks',
    [CONTINUE],
    FINAL,
    ['Expect: 100-continue', 'Transfer-Encoding: chunked'],
    '5\r\nhello\r\n0\r\n\r\n',
  ),
  single('expect', 'Expect with the body at once', {
    method: 'POST',
    fields: EXPECT,
    body: 'hello',
  }),
  single('expect', 'Expect without a body', { fields: ['Expect: 100-continue'] }),
  single('expect', 'Expect in other letters', {
    method: 'POST',
    fields: ['Expect: 100-Continue', 'Content-Length: 5'],
    body: 'hello',
  }),
  single('expect', 'Expect of something else', { fields: ['Expect: a-pony'] }),
  upgraded('a WebSocket', [SWITCHED]),
  upgraded('a WebSocket that is refused', [response('403 Forbidden', ['Content-Length: 2'], 'no')]),
  upgraded('a WebSocket that is not understood', [FINAL]),
  upgraded(
    'a WebSocket in other letters',
    [SWITCHED],
    UPGRADE.map((line) => line.replace('websocket', 'WebSocket')),
  ),
];
