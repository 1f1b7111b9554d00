/** A request that one server may read in another way than the next. */
export interface Ambiguous {
  readonly what: string;
  /** Everything before the request that would be smuggled; bytes as latin1 characters. */
  readonly bytes: string;
  /**
   * `refused`: the service sees nothing whole of it. `passed`: it has one meaning, in which the service sees it and
   * then the request after it.
   */
  readonly verdict: 'refused' | 'passed';
}

/** Bytes as they can be read in the title of a test. */
function show(bytes: string): string {
  return JSON.stringify(bytes).replace(
    /[^ -~]|(?<= ) /g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16)}`,
  );
}

const HEAD = 'POST /a HTTP/1.1\r\nHost: a.test\r\n';
const CHUNKS = '4\r\nbody\r\n0\r\n\r\n';

/** Spellings of the coding (TE.TE): only those that every reader takes for `chunked` pass. */
const CODINGS: readonly (readonly [line: string, verdict: Ambiguous['verdict']])[] = [
  ['Transfer-Encoding: chunked', 'passed'],
  ['transfer-encoding: CHUNKED', 'passed'],
  ['Transfer-Encoding:chunked', 'passed'],
  ['Transfer-Encoding:\tchunked', 'passed'],
  ['Transfer-Encoding: chunked\t ', 'passed'],
  ['Transfer-Encoding: xchunked', 'refused'],
  ['Transfer-Encoding: chunkedx', 'refused'],
  ['Transfer-Encoding: chunked;', 'refused'],
  ['Transfer-Encoding: chunked;q=1', 'refused'],
  ['Transfer-Encoding: "chunked"', 'refused'],
  ["Transfer-Encoding: 'chunked'", 'refused'],
  ['Transfer-Encoding: identity', 'refused'],
  ['Transfer-Encoding: identity, chunked', 'refused'],
  ['Transfer-Encoding: chunked, identity', 'refused'],
  ['Transfer-Encoding: gzip, chunked', 'refused'],
  ['Transfer-Encoding: chunked, chunked', 'refused'],
  ['Transfer-Encoding: chunked chunked', 'refused'],
  ['Transfer-Encoding: chunk', 'refused'],
  ['Transfer-Encoding: cow', 'refused'],
  ['Transfer-Encoding:', 'refused'],
  ['Transfer-Encoding: ch\xfcnked', 'refused'],
  ['Transfer-Encoding: \x0bchunked', 'refused'],
  ['Transfer-Encoding: \x0cchunked', 'refused'],
  ['Transfer-Encoding: chunked\x0b', 'refused'],
  ['Transfer-Encoding: \0chunked', 'refused'],
  ['Transfer-Encoding: chunked\0', 'refused'],
  ['Transfer-Encoding: \xa0chunked', 'refused'],
  ['Transfer-Encoding : chunked', 'refused'],
  ['Transfer-Encoding\t: chunked', 'refused'],
  ['Transfer-Encoding\0: chunked', 'refused'],
  [' Transfer-Encoding: chunked', 'refused'],
  ['Transfer-Encoding', 'refused'],
  ['Transfer-Encoding chunked', 'refused'],
  ['Transfer-Encoding\r\n: chunked', 'refused'],
  ['Transfer-Encoding:\r\n chunked', 'refused'],
  ['Transfer-Encoding:\n chunked', 'refused'],
  ['X: x\nTransfer-Encoding: chunked', 'refused'],
  ['X: x\rTransfer-Encoding: chunked', 'refused'],
  ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 'refused'],
  ['Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', 'refused'],
  ['Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', 'refused'],
  ['Transfer-Encoding: chunked\r\nTransfer-encoding: cow', 'refused'],
  ['Transfer-Encoding: x\r\nTransfer-Encoding: chunked', 'refused'],
];

/** Chunks of a body, and a length beside the coding, before it and after it (CL.TE, TE.CL): never. */
const TRANSFER_ENCODING: readonly Ambiguous[] = CODINGS.flatMap(([line, verdict]) => [
  { what: show(line), bytes: `${HEAD}${line}\r\n\r\n${CHUNKS}`, verdict },
  {
    what: `a length, ${show(line)}`,
    bytes: `${HEAD}Content-Length: 4\r\n${line}\r\n\r\n${CHUNKS}`,
    verdict: 'refused',
  },
  {
    what: `${show(line)}, a length`,
    bytes: `${HEAD}${line}\r\nContent-Length: 4\r\n\r\n${CHUNKS}`,
    verdict: 'refused',
  },
]);

const LENGTHS: readonly (readonly [line: string, verdict: Ambiguous['verdict']])[] = [
  ['Content-Length: 4', 'passed'],
  ['Content-Length:4', 'passed'],
  ['content-length:\t4 ', 'passed'],
  ['Content-Length: 4, 4', 'refused'],
  ['Content-Length: 4,4', 'refused'],
  ['Content-Length: 4, 0', 'refused'],
  ['Content-Length: 0, 4', 'refused'],
  ['Content-Length: ,4', 'refused'],
  ['Content-Length: 4,', 'refused'],
  ['Content-Length: +4', 'refused'],
  ['Content-Length: -4', 'refused'],
  ['Content-Length: -0', 'refused'],
  ['Content-Length: 0x4', 'refused'],
  ['Content-Length: 4h', 'refused'],
  ['Content-Length: 4 4', 'refused'],
  ['Content-Length: 4_0', 'refused'],
  ['Content-Length: 4.0', 'refused'],
  ['Content-Length: 4e0', 'refused'],
  ['Content-Length: "4"', 'refused'],
  ['Content-Length: \xb2', 'refused'],
  ['Content-Length:', 'refused'],
  ['Content-Length: 18446744073709551620', 'refused'],
  ['Content-Length: 4294967300', 'refused'],
  ['Content-Length: \x0b4', 'refused'],
  ['Content-Length: 4\0', 'refused'],
  ['Content-Length : 4', 'refused'],
  ['Content-Length\0: 4', 'refused'],
  [' Content-Length: 4', 'refused'],
  ['Content-Length:\r\n 4', 'refused'],
  ['Content-Length: 4\r\n 4', 'refused'],
  ['X: x\nContent-Length: 4', 'refused'],
  ['X: x\rContent-Length: 4', 'refused'],
  ['Content-Length: 4\r\nContent-Length: 0', 'refused'],
  ['Content-Length: 0\r\nContent-Length: 4', 'refused'],
  ['Content-Length: 4\r\nContent-Length: 4', 'refused'],
];

const CONTENT_LENGTH: readonly Ambiguous[] = LENGTHS.map(([line, verdict]) => ({
  what: show(line),
  bytes: `${HEAD}${line}\r\n\r\nbody`,
  verdict,
}));

const CHUNKED_BODIES: readonly (readonly [body: string, verdict: Ambiguous['verdict']])[] = [
  ['4\r\nbody\r\n0\r\n\r\n', 'passed'],
  ['4;x=y\r\nbody\r\n0\r\n\r\n', 'passed'],
  ['04\r\nbody\r\n00\r\n\r\n', 'passed'],
  ['4\nbody\n0\n\n', 'refused'],
  ['4\rbody\r0\r\r', 'refused'],
  ['4\r\nbody0\r\n\r\n', 'refused'],
  ['4\r\nbodyXX0\r\n\r\n', 'refused'],
  ['0x4\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['+4\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['-4\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['4 4\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['4\t\r\nbody\r\n0\r\n\r\n', 'refused'],
  [' 4\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['4h\r\nbody\r\n0\r\n\r\n', 'refused'],
  [';\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['\r\n4\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['10000000000000004\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['4;x\n\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['4;x\r;y\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['4;\0\r\nbody\r\n0\r\n\r\n', 'refused'],
  ['4\r\nbody\r\n0\r\nX: y\n\r\n', 'refused'],
  ['4\r\nbody\r\n0\r\nX : y\r\n\r\n', 'refused'],
  ['4\r\nbody\r\n0\r\n X: y\r\n\r\n', 'refused'],
  ['4\r\nbody\r\n0\r\nX: y\r\n z\r\n\r\n', 'refused'],
  ['4\r\nbody\r\n0\r\nContent-Length: 5\r\n\r\n', 'refused'],
  ['4\r\nbody\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n', 'refused'],
  ['4\r\nbody\r\n0\n\r\n', 'refused'],
];

const CHUNKS_ODD: readonly Ambiguous[] = CHUNKED_BODIES.map(([body, verdict]) => ({
  what: `chunks ${show(body)}`,
  bytes: `${HEAD}Transfer-Encoding: chunked\r\n\r\n${body}`,
  verdict,
}));

const START = 'Host: a.test\r\n\r\n';

const LINES: readonly (readonly [bytes: string, verdict: Ambiguous['verdict']])[] = [
  [`\r\nGET /a HTTP/1.1\r\n${START}`, 'passed'],
  [`\nGET /a HTTP/1.1\r\n${START}`, 'refused'],
  [`GET  /a HTTP/1.1\r\n${START}`, 'refused'],
  [`GET /a  HTTP/1.1\r\n${START}`, 'refused'],
  [`GET\t/a HTTP/1.1\r\n${START}`, 'refused'],
  [`GET /a\tHTTP/1.1\r\n${START}`, 'refused'],
  [`GET\x0b/a HTTP/1.1\r\n${START}`, 'refused'],
  [` GET /a HTTP/1.1\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1 \r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r${START}`, 'refused'],
  [`GET /a b HTTP/1.1\r\n${START}`, 'refused'],
  [`GET /a\0 HTTP/1.1\r\n${START}`, 'refused'],
  [`GET /a\x7f HTTP/1.1\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\n X: y\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX: y\r\n\tz\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX: y\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX: y\r${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX: \0\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX\0: y\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX y: z\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX\xe9: z\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\n: z\r\n${START}`, 'refused'],
  [`GET /a HTTP/1.1\r\nX(y): z\r\n${START}`, 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test\r\n\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test\n\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost : a.test\r\n\r\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test\r\nhOsT: a.test\r\n\r\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test\r\n b.test\r\n\r\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test\0b.test\r\n\r\n', 'refused'],
  ['GET /a HTTP/1.1\r\nHost: a.test:80@b.test\r\n\r\n', 'refused'],
  ['GET http://b.test\\@a.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n', 'refused'],
  ['GET http://b.test@a.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n', 'refused'],
  ['GET //b.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n', 'passed'],
  ['GET @b.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n', 'refused'],
  ['GET a.test/a HTTP/1.1\r\nHost: a.test\r\n\r\n', 'refused'],
];

/** Every ambiguous request of HTTP/1.1 that the literature knows, and what is like it but allowed. */
export const HTTP1_MATRIX: readonly Ambiguous[] = [
  ...TRANSFER_ENCODING,
  ...CONTENT_LENGTH,
  ...CHUNKS_ODD,
  ...LINES.map(([bytes, verdict]) => ({ what: `a head ${show(bytes)}`, bytes, verdict })),
];
