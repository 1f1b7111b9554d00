/** A message of HTTP/1 as it went over the wire, in latin1 characters, and what was made of it. */
export interface RecordedMessage {
  /** The request line or the status line. */
  readonly start: string;
  /** Names and values as they came, without the blanks around the value. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
  readonly body: string;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** False while something is missing. */
  readonly isWhole: boolean;
}

/** What a reader has to know that is not in the bytes. */
export interface ReadOptions {
  /** Methods of the requests that are answered, in their order; undefined when requests are read. */
  readonly methods?: readonly string[];
  /** The sender has ended its direction. */
  readonly hasEnded: boolean;
}

/** What was found in the bytes of one direction of a connection. */
export interface ReadMessages {
  /** The last one may not be whole. */
  readonly messages: readonly RecordedMessage[];
  /** Bytes after a 101, or what is no HTTP. */
  readonly rest: string;
}

/**
 * Reads messages as RFC 9112 says, and nothing else: it is the ruler that proxies are held against, so it knows none
 * of our code and forgives nothing. What it cannot read is the rest.
 */
export function readMessages(bytes: string, options: ReadOptions): ReadMessages {
  const messages: RecordedMessage[] = [];
  const { methods } = options;
  let finals = 0;
  let at = 0;
  while (at < bytes.length) {
    const method = methods === undefined ? undefined : (methods[finals] ?? 'GET');
    const read = readMessage(bytes, at, method, options.hasEnded);
    if (read === undefined) break;
    messages.push(read.message);
    at = read.end;
    if (!read.message.isWhole) break;
    const status = statusOf(read.message);
    if (methods !== undefined && status === 101) break;
    if (status >= 200) finals += 1;
    if (read.message.framing === 'close') break;
  }
  return { messages, rest: bytes.slice(at) };
}

/** The status of a response; NaN of a request. */
export function statusOf({ start }: RecordedMessage): number {
  return Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(start)?.[1]);
}

/** The values of a field, whose name is in lower case. */
export function valuesOf(message: RecordedMessage, name: string): string[] {
  return message.fields.filter(([own]) => own.toLowerCase() === name).map(([, value]) => value);
}

function readMessage(
  bytes: string,
  from: number,
  answeredMethod: string | undefined,
  hasEnded: boolean,
): { readonly message: RecordedMessage; readonly end: number } | undefined {
  const head = readHead(bytes, from);
  if (head === undefined) return undefined;
  const message = { ...head, body: '', trailers: [], isWhole: true };
  const { end } = head;
  const status = statusOf({ ...message, framing: 'none' });
  const isBodiless =
    answeredMethod !== undefined &&
    (answeredMethod === 'HEAD' || status < 200 || status === 204 || status === 304);
  const of = (name: string): string[] => valuesOf({ ...message, framing: 'none' }, name);
  if (isBodiless) return { message: { ...message, framing: 'none' }, end };
  if (of('transfer-encoding').length > 0) {
    const chunks = readChunks(bytes, end);
    return { message: { ...message, framing: 'chunked', ...chunks }, end: chunks.end };
  }
  const [length] = of('content-length');
  if (length !== undefined) {
    const body = bytes.slice(end, end + Number(length));
    const isWhole = body.length === Number(length);
    return { message: { ...message, framing: 'length', body, isWhole }, end: end + body.length };
  }
  if (answeredMethod === undefined) return { message: { ...message, framing: 'none' }, end };
  const body = bytes.slice(end);
  return { message: { ...message, framing: 'close', body, isWhole: hasEnded }, end: bytes.length };
}

type Head = Pick<RecordedMessage, 'start' | 'fields'> & { readonly end: number };

function readHead(bytes: string, from: number): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n', from);
  if (end === -1) return undefined;
  const [start = '', ...lines] = bytes.slice(from, end).split('\r\n');
  return { start, fields: lines.map(toField), end: end + 4 };
}

function toField(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
}

type Chunks = Pick<RecordedMessage, 'body' | 'trailers' | 'isWhole'> & { readonly end: number };

function readChunks(bytes: string, from: number): Chunks {
  let body = '';
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const cut = { body, trailers: [], isWhole: false, end: bytes.length };
    if (lineEnd === -1) return cut;
    const size = Number.parseInt(bytes.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) return cut;
    at = lineEnd + 2;
    if (size === 0) {
      // Trailers end with an empty line, which is all there is without them.
      const trailers = bytes.startsWith('\r\n', at)
        ? { start: '', fields: [], end: at + 2 }
        : readHead(`\r\n${bytes.slice(at)}`, 0);
      if (trailers === undefined) return cut;
      const end = trailers.fields.length === 0 ? trailers.end : at + trailers.end - 2;
      return { body, trailers: trailers.fields, isWhole: true, end };
    }
    body += bytes.slice(at, at + size);
    at += size + 2;
    if (at > bytes.length) return { ...cut, body };
  }
}
