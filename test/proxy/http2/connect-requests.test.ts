import test from 'ava';
import type { HeaderField } from '../../../proxy/http2/hpack/static-table.ts';
import { readRequest, readStatus } from '../../../proxy/http2/connect-requests.ts';

const CONNECT: HeaderField = [':method', 'CONNECT'];
const AUTHORITY: HeaderField = [':authority', '10.0.0.1:80'];
const GET: readonly HeaderField[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/'],
];

test('a CONNECT names its authority, and may bring other fields', (t) => {
  const expected = { kind: 'connect', authority: '10.0.0.1:80' };
  t.deepEqual(readRequest([CONNECT, AUTHORITY]), expected as never);
  const fields: HeaderField[] = [AUTHORITY, CONNECT, ['baggage', 'k=v'], ['te', 'trailers']];
  t.deepEqual(readRequest(fields), expected as never);
});

test('other requests are told apart from malformed ones', (t) => {
  t.deepEqual(readRequest(GET), { kind: 'other' });
  t.deepEqual(readRequest([...GET, AUTHORITY, ['x', '']]), { kind: 'other' });
});

/** RFC 9113 sections 8.2, 8.3 and 8.5. */
const MALFORMED: Readonly<Record<string, readonly HeaderField[]>> = {
  nothing: [],
  'no method': [AUTHORITY],
  'an empty method': [[':method', ''], AUTHORITY],
  'CONNECT without an authority': [CONNECT],
  'CONNECT with an empty authority': [CONNECT, [':authority', '']],
  'CONNECT with a scheme': [CONNECT, AUTHORITY, [':scheme', 'https']],
  'CONNECT with a path': [CONNECT, AUTHORITY, [':path', '/']],
  'extended CONNECT': [CONNECT, AUTHORITY, [':protocol', 'websocket']],
  'two methods': [CONNECT, CONNECT, AUTHORITY],
  'a status': [CONNECT, AUTHORITY, [':status', '200']],
  'a pseudo-header field behind another': [CONNECT, ['x', 'y'], AUTHORITY],
  'GET without a path': GET.slice(0, 2),
  'GET without a scheme': [
    [':method', 'GET'],
    [':path', '/'],
  ],
  'GET with an empty path': [...GET.slice(0, 2), [':path', '']],
  'an upper-case name': [CONNECT, AUTHORITY, ['X', 'y']],
  'an empty name': [CONNECT, AUTHORITY, ['', 'y']],
  'a space in a name': [CONNECT, AUTHORITY, ['a b', 'y']],
  'a colon in a name': [CONNECT, AUTHORITY, ['a:b', 'y']],
  'a byte above ASCII in a name': [CONNECT, AUTHORITY, ['\xe4', 'y']],
  'a line feed in a value': [CONNECT, AUTHORITY, ['x', 'a\nb']],
  'a carriage return in a value': [CONNECT, AUTHORITY, ['x', 'a\rb']],
  'a NUL in the authority': [CONNECT, [':authority', 'a\0:80']],
  'a space before a value': [CONNECT, AUTHORITY, ['x', ' a']],
  'a tab behind a value': [CONNECT, AUTHORITY, ['x', 'a\t']],
  'TE other than trailers': [CONNECT, AUTHORITY, ['te', 'gzip']],
  ...Object.fromEntries(
    ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) => [
      name,
      [CONNECT, AUTHORITY, [name, 'x'] as const],
    ]),
  ),
};

for (const [what, fields] of Object.entries(MALFORMED)) {
  test(`malformed: ${what}`, (t) => {
    t.deepEqual(readRequest(fields), { kind: 'malformed' });
  });
}

test('a status has three digits, and stands alone', (t) => {
  t.is(readStatus([[':status', '200']]), 200);
  t.is(
    readStatus([
      [':status', '103'],
      ['link', 'x'],
    ]),
    103,
  );
  const malformed: readonly (readonly HeaderField[])[] = [
    [],
    [[':status', '']],
    [[':status', '20']],
    [[':status', '099']],
    [[':status', '2000']],
    [
      [':status', '200'],
      [':status', '200'],
    ],
    [
      ['x', 'y'],
      [':status', '200'],
    ],
    [
      [':status', '200'],
      ['Upper', 'y'],
    ],
    [[':status', '200'], CONNECT],
  ];
  for (const fields of malformed) t.is(readStatus(fields), undefined);
});
