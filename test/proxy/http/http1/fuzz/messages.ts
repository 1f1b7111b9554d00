import type { Random } from '../../../../helpers/random.ts';

/** One of them. */
export function pick<T>(random: Random, values: readonly T[]): T {
  const value = values[random(values.length)];
  if (value === undefined) throw new Error('expected something to pick from, got nothing');
  return value;
}

/** One out of so many times. */
function once(random: Random, outOf: number): boolean {
  return random(outOf) === 0;
}

const METHODS = ['GET', 'GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'CONNECT', 'MKCOL', 'm-search'];
const TARGETS = [
  '/',
  '/a/b?c=d',
  '*',
  'http://a.example/x',
  'a.example:443',
  '/%2e%2e/%2f',
  '/\\a',
  '/x#y',
];
const VERSIONS = ['1.1', '1.1', '1.1', '1.1', '1.0', '2.0', '1.2'];
const HOSTS = ['a.example', 'a.example:80', '[::1]:8080', '', 'a b', 'x,y'];
const NAMES = [
  'X-A',
  'accept',
  'Cookie',
  'TE',
  'Trailer',
  'Keep-Alive',
  'Expect',
  'X_B',
  'Te',
  '!#$%',
];
const VALUES = [
  '1',
  '',
  'a, b',
  'trailers',
  '100-continue',
  'caf\xe9',
  ' \t spaced\t ',
  '\xff\x80',
  'x'.repeat(60),
];
const CONNECTIONS = [
  'close',
  'keep-alive',
  'X-A',
  'Upgrade',
  'close, keep-alive',
  'te',
  'host',
  '',
];
const LENGTHS = ['0', '5', '05', '5, 5', '+5', '5 ', '99999999999999999999', '-1', ''];
const CODINGS = ['chunked', 'Chunked', 'gzip, chunked', 'identity', 'chunked, chunked', ''];
const REASONS = ['OK', '', 'Not\tFound', 'r\xe9ason', 'x'.repeat(40)];
const STATUSES = ['200', '200', '204', '304', '404', '100', '103', '101', '999', '099', '20'];

function lines(random: Random): string {
  let text = '';
  for (let count = random(4); count > 0; count -= 1) {
    text += `${pick(random, NAMES)}:${once(random, 3) ? '' : ' '}${pick(random, VALUES)}\r\n`;
  }
  if (once(random, 4)) text += `Connection: ${pick(random, CONNECTIONS)}\r\n`;
  if (once(random, 12)) text += 'Upgrade: websocket\r\n';
  return text;
}

function chunksOf(random: Random, body: string): string {
  let text = '';
  for (let at = 0; at < body.length;) {
    const piece = body.slice(at, at + 1 + random(body.length));
    const size = piece.length.toString(16);
    const written = once(random, 5) ? `00${size.toUpperCase()}` : size;
    const extension = once(random, 6) ? ';name=value' : '';
    text += `${written}${extension}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${text}0\r\n${once(random, 4) ? 'X-Sum: 1\r\n' : ''}\r\n`;
}

/** The fields that frame a body, and the body; in agreement more often than not. */
function framed(random: Random): string {
  const body = 'hello, GET / HTTP/1.1\r\n\r\n'.slice(0, random(25));
  switch (random(14)) {
    case 0:
    case 1:
      return '\r\n';
    case 2:
    case 3:
      return `Content-Length: ${body.length}\r\n\r\n${body}`;
    case 4:
    case 5:
    case 6:
    case 7:
      return `Transfer-Encoding: chunked\r\n\r\n${chunksOf(random, body)}`;
    case 8:
      return `Content-Length: ${pick(random, LENGTHS)}\r\n\r\n${body}`;
    case 9:
      return `Transfer-Encoding: ${pick(random, CODINGS)}\r\n\r\n${chunksOf(random, body)}`;
    default:
      return '\r\n';
  }
}

/** A request as a client might send it, and now and then as none should. */
export function someRequest(random: Random): string {
  const start = `${pick(random, METHODS)} ${once(random, 6) ? pick(random, TARGETS) : '/'} HTTP/${once(random, 6) ? pick(random, VERSIONS) : '1.1'}\r\n`;
  const host = once(random, 10) ? pick(random, HOSTS) : 'a.example';
  return `${start}Host: ${host}\r\n${lines(random)}${framed(random)}`;
}

/** A response as a server might send it, and now and then as none should. */
export function someResponse(random: Random): string {
  const interim = once(random, 5) ? 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n' : '';
  const status = once(random, 4) ? pick(random, STATUSES) : '200';
  const start = `HTTP/1.${once(random, 6) ? 0 : 1} ${status} ${pick(random, REASONS)}\r\n`;
  return `${interim}${start}${lines(random)}${framed(random)}`;
}

/** Bytes that mean something to a reader of HTTP. */
const TELLING = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\0',
  '\x7f',
  '\xff',
  '0',
  'f',
  '0\r\n\r\n',
  'chunked',
];

/** The text with some damage. */
export function damaged(random: Random, text: string): string {
  let result = text;
  for (let rounds = Math.max(0, random(6) - 2); rounds > 0; rounds -= 1) {
    const at = random(result.length + 1);
    const before = result.slice(0, at);
    const after = result.slice(at);
    switch (random(5)) {
      case 0:
        result = before + pick(random, TELLING) + after;
        break;
      case 1:
        result = before + after.slice(1 + random(4));
        break;
      case 2:
        result = before + pick(random, TELLING) + after.slice(1);
        break;
      case 3:
        result = before + after.slice(0, random(30)) + after;
        break;
      default:
        result = before + String.fromCharCode(random(256)) + after.slice(1);
    }
  }
  return result;
}
