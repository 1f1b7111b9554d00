import type { RawField } from '../../helpers/clients/http2-wire.ts';
import type { RawHttp2Request } from '../record/http2-client.ts';

/** A request of HTTP/2 that could become something else in HTTP/1.1. */
export interface AmbiguousHttp2 extends RawHttp2Request {
  readonly what: string;
  /**
   * `refused`: a stream error or 400, and the connection goes on. `passed`: the service sees it once. `cut`: the service
   * may have what was announced before more came, which goes nowhere.
   */
  readonly verdict: 'refused' | 'passed' | 'cut';
}

const INJECTED = ' HTTP/1.1\r\nHost: a.test\r\n\r\nGET /smuggled HTTP/1.1\r\nX: y';

function pseudo(changes: Readonly<Record<string, string | undefined>> = {}): RawField[] {
  const fields = {
    ':method': 'GET',
    ':scheme': 'http',
    ':authority': 'a.test',
    ':path': '/a',
    ...changes,
  };
  return Object.entries(fields).flatMap(([name, value]): RawField[] =>
    value === undefined ? [] : [[name, value]],
  );
}

const POST = pseudo({ ':method': 'POST' });

function withField(
  name: string,
  value: string,
  verdict: AmbiguousHttp2['verdict'] = 'refused',
): AmbiguousHttp2 {
  return {
    what: `the field ${JSON.stringify(name)} with ${JSON.stringify(value)}`,
    fields: [...pseudo(), [name, value]],
    verdict,
  };
}

function withPseudo(
  name: string,
  value: string | undefined,
  verdict: AmbiguousHttp2['verdict'] = 'refused',
): AmbiguousHttp2 {
  return { what: `${name} ${JSON.stringify(value)}`, fields: pseudo({ [name]: value }), verdict };
}

/** Lengths that are none, or lie (H2.CL; RFC 9113 section 8.1.1). */
const LENGTHS: readonly AmbiguousHttp2[] = [
  {
    what: 'a length that is right',
    fields: [...POST, ['content-length', '4']],
    data: ['body'],
    verdict: 'passed',
  },
  { what: 'no length', fields: POST, data: ['bo', 'dy'], verdict: 'passed' },
  {
    what: 'a length that is too small',
    fields: [...POST, ['content-length', '0']],
    data: ['GET /smuggled HTTP/1.1\r\n\r\n'],
    verdict: 'refused',
  },
  {
    what: 'a length that is smaller than the second frame',
    fields: [...POST, ['content-length', '4']],
    data: ['body', 'GET /smuggled HTTP/1.1\r\n\r\n'],
    verdict: 'cut',
  },
  {
    what: 'a length that is too large',
    fields: [...POST, ['content-length', '40']],
    data: ['body'],
    verdict: 'refused',
  },
  { what: 'a length and no body', fields: [...POST, ['content-length', '4']], verdict: 'refused' },
  {
    what: 'two lengths',
    fields: [...POST, ['content-length', '4'], ['content-length', '0']],
    data: ['body'],
    verdict: 'refused',
  },
  {
    what: 'a list of lengths',
    fields: [...POST, ['content-length', '4, 0']],
    data: ['body'],
    verdict: 'refused',
  },
  {
    what: 'a length with a sign',
    fields: [...POST, ['content-length', '+4']],
    data: ['body'],
    verdict: 'refused',
  },
  {
    what: 'a length with more',
    fields: [...POST, ['content-length', '4\r\nx: y']],
    data: ['body'],
    verdict: 'refused',
  },
];

/** What belongs to connections of HTTP/1.1 (H2.TE; RFC 9113 section 8.2.2). */
const CONNECTION_FIELDS: readonly AmbiguousHttp2[] = [
  {
    what: 'transfer-encoding',
    fields: [...POST, ['transfer-encoding', 'chunked']],
    data: ['0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n'],
    verdict: 'refused',
  },
  {
    what: 'transfer-encoding in capitals',
    fields: [...POST, ['Transfer-Encoding', 'chunked']],
    data: ['0\r\n\r\n'],
    verdict: 'refused',
  },
  withField('connection', 'close'),
  withField('connection', 'content-length'),
  withField('keep-alive', 'timeout=5'),
  withField('proxy-connection', 'keep-alive'),
  withField('upgrade', 'h2c'),
  withField('te', 'gzip'),
  withField('te', 'trailers', 'passed'),
];

/** Bytes that end a line, or a name, in HTTP/1.1 (RFC 9113 section 8.2.1). */
const BYTES: readonly AmbiguousHttp2[] = [
  withField('x-a', 'b\r\ntransfer-encoding: chunked'),
  withField('x-a', 'b\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test'),
  withField('x-a', 'b\nx-b: c'),
  withField('x-a', 'b\rx-b: c'),
  withField('x-a', 'b\r\n c'),
  withField('x-a', 'b\0c'),
  withField('x-a', ' b'),
  withField('x-a', 'b '),
  withField('x-a', '\tb'),
  withField('x-a: b\r\ntransfer-encoding', 'chunked'),
  withField('x-a\r\nx-b', 'c'),
  withField('transfer-encoding: chunked\r\nx', 'y'),
  withField('x-a:', 'b'),
  withField('x:a', 'b'),
  withField('x a', 'b'),
  withField('x\0a', 'b'),
  withField('x\ta', 'b'),
  withField('x\xe9', 'b'),
  withField('', 'b'),
  withField('X-Capital', 'b'),
  withField('x-a', 'caf\xe9', 'passed'),
  withField('x-a', '', 'passed'),
];

/** Pseudo-header fields (RFC 9113 section 8.3.1). */
const PSEUDO: readonly AmbiguousHttp2[] = [
  withPseudo(':method', `GET /smuggled${INJECTED}`),
  withPseudo(':method', 'GE T'),
  withPseudo(':method', 'GET\t'),
  withPseudo(':method', ''),
  withPseudo(':method', undefined),
  withPseudo(':path', `/a${INJECTED}`),
  withPseudo(':path', '/a b'),
  withPseudo(':path', '/a\tb'),
  withPseudo(':path', '/a\0b'),
  withPseudo(':path', '/a\r\nb'),
  withPseudo(':path', '/a#b'),
  withPseudo(':path', 'a'),
  withPseudo(':path', ''),
  withPseudo(':path', '*'),
  withPseudo(':path', '@b.test/'),
  withPseudo(':path', 'http://b.test/a'),
  withPseudo(':path', '/a/../b'),
  withPseudo(':path', '/a/%2e%2e/b'),
  withPseudo(':path', undefined),
  withPseudo(':authority', 'a.test\r\nx: y'),
  withPseudo(':authority', 'a.test b'),
  withPseudo(':authority', 'u@a.test'),
  withPseudo(':authority', 'a.test/b'),
  withPseudo(':authority', 'a.test, b.test'),
  withPseudo(':authority', 'a.test#b'),
  withPseudo(':authority', 'a.test\0'),
  withPseudo(':authority', ''),
  withPseudo(':scheme', 'http://a.test/b?'),
  withPseudo(':scheme', 'ftp'),
  withPseudo(':scheme', ''),
  withPseudo(':scheme', undefined),
  {
    what: 'a Host that differs from :authority',
    fields: [...pseudo(), ['host', 'b.test']],
    verdict: 'refused',
  },
  {
    what: 'the same Host beside :authority',
    fields: [...pseudo(), ['host', 'a.test']],
    verdict: 'passed',
  },
  {
    what: 'Host instead of :authority',
    fields: [...pseudo({ ':authority': undefined }), ['host', 'a.test']],
    verdict: 'passed',
  },
  {
    what: 'neither :authority nor Host',
    fields: pseudo({ ':authority': undefined }),
    verdict: 'refused',
  },
  {
    what: 'two Hosts',
    fields: [...pseudo({ ':authority': undefined }), ['host', 'a.test'], ['host', 'b.test']],
    verdict: 'refused',
  },
  { what: ':method twice', fields: [[':method', 'POST'], ...pseudo()], verdict: 'refused' },
  { what: ':path twice', fields: [...pseudo(), [':path', '/smuggled']], verdict: 'refused' },
  { what: ':authority twice', fields: [...pseudo(), [':authority', 'b.test']], verdict: 'refused' },
  {
    what: 'a pseudo-header field after others',
    fields: [...pseudo({ ':path': undefined }), ['x-a', 'b'], [':path', '/a']],
    verdict: 'refused',
  },
  {
    what: 'an unknown pseudo-header field',
    fields: [...pseudo(), [':odd', 'a']],
    verdict: 'refused',
  },
  { what: 'a :status', fields: [...pseudo(), [':status', '200']], verdict: 'refused' },
  {
    what: ':protocol without CONNECT',
    fields: [...pseudo(), [':protocol', 'websocket']],
    verdict: 'refused',
  },
];

const TRAILERS: readonly AmbiguousHttp2[] = [
  {
    what: 'a trailer',
    fields: POST,
    data: ['body'],
    trailers: [['x-sum', '1']],
    verdict: 'passed',
  },
  {
    what: 'a pseudo-header field in trailers',
    fields: POST,
    data: ['body'],
    trailers: [[':path', '/smuggled']],
    verdict: 'refused',
  },
  {
    what: 'transfer-encoding in trailers',
    fields: POST,
    data: ['body'],
    trailers: [['transfer-encoding', 'chunked']],
    verdict: 'refused',
  },
  {
    what: 'a line end in trailers',
    fields: POST,
    data: ['body'],
    trailers: [['x-a', 'b\r\n\r\nGET /smuggled HTTP/1.1']],
    verdict: 'refused',
  },
  {
    what: 'a capital in trailers',
    fields: POST,
    data: ['body'],
    trailers: [['X-A', 'b']],
    verdict: 'refused',
  },
];

/** Cookies may come in crumbs (RFC 9113 section 8.2.3). */
const COOKIES: AmbiguousHttp2 = {
  what: 'cookies in crumbs',
  fields: [...pseudo(), ['cookie', 'a=1'], ['cookie', 'b=2']],
  verdict: 'passed',
};

/** What HTTP/2 can carry and HTTP/1.1 would take for something else. */
export const HTTP2_MATRIX: readonly AmbiguousHttp2[] = [
  ...LENGTHS,
  ...CONNECTION_FIELDS,
  ...BYTES,
  ...PSEUDO,
  ...TRAILERS,
  COOKIES,
];
