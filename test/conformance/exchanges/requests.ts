import { type Exchange, NAME_FIELD, OK } from '../exchange.ts';

/** What differs from a GET with nothing special. */
export interface RequestOptions {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  /** `Host: a.test` when left out; an empty string for none. */
  readonly host?: string;
  /** Lines without their end. */
  readonly fields?: readonly string[];
  readonly body?: string;
}

/** A request in the bytes of HTTP/1, with the field that names its exchange. */
export function request(name: string, options: RequestOptions = {}): string {
  const { method = 'GET', target = '/', version = 'HTTP/1.1', host = 'Host: a.test' } = options;
  const { fields = [], body = '' } = options;
  const lines = [
    `${method} ${target} ${version}`,
    ...(host === '' ? [] : [host]),
    `${NAME_FIELD}: ${name}`,
    ...fields,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** An exchange with one request, sent at once, and an ordinary answer. */
export function single(
  kind: string,
  name: string,
  options: RequestOptions = {},
  more: Partial<Exchange> = {},
): Exchange {
  return {
    name,
    kind,
    pieces: [request(name, options)],
    methods: [options.method ?? 'GET'],
    answer: OK,
    ...more,
  };
}

/** A body in chunks, with lines of trailers. */
export function chunked(pieces: readonly string[], trailers: readonly string[] = []): string {
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`);
  return `${chunks.join('')}0\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`;
}

/** An answer in the bytes of HTTP/1. */
export function response(start: string, fields: readonly string[], body = ''): string {
  return `HTTP/1.1 ${[start, ...fields].join('\r\n')}\r\n\r\n${body}`;
}

/** A write for each byte. */
export function eachByte(bytes: string): string[] {
  return bytes.split('');
}
