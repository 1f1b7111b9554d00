import { STATUS_CODES } from '../status-codes.ts';
import type { Field, RequestHead, ResponseHead } from '../message.ts';
import { apartOf, isFieldSection } from './field-section.ts';

/** What a head says of its body: a length, chunks, or nothing. */
export type WrittenFraming = number | 'chunked' | undefined;

/** What a head says of the connection. */
export type ConnectionOption = 'close' | 'keep-alive' | undefined;

/** A request's head, with the empty line. Host comes first (RFC 9110 section 7.2). */
export function writeRequestHead(head: RequestHead, framing: WrittenFraming): string {
  const { upgrade } = head;
  const authority = (head.authority ?? '').replaceAll(INVISIBLE, '');
  const method = head.method.replaceAll(INVISIBLE, '');
  const form = method === 'CONNECT' ? authority : head.target.replaceAll(INVISIBLE, percentEncoded);
  const start = `${method} ${form} HTTP/1.1\r\nHost: ${authority}\r\n`;
  return finish(start, head.fields, { framing, upgrade, option: undefined });
}

/** A response's head, with the empty line; our version whatever the client's (RFC 9110 section 6.2). */
export function writeResponseHead(
  head: ResponseHead,
  framing: WrittenFraming,
  option: ConnectionOption,
): string {
  const { version, status, reason, upgrade } = head;
  // HTTP/2 has none; an empty one of HTTP/1.1 stays empty.
  const phrase = version === '2' ? (STATUS_CODES[status] ?? '') : reason.replaceAll(CONTROL, ' ');
  return finish(`HTTP/1.1 ${status} ${phrase}\r\n`, head.fields, {
    framing,
    upgrade: status === 101 ? upgrade : undefined,
    option,
  });
}

/** The whole response to a request that cannot be served. */
export function writeStatusResponse(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\nProxy-Status: hauberk; error=http_request_error\r\n\r\n`;
}

/** What would end a start line early, or divide it otherwise. The readers of heads let none of it pass. */
const INVISIBLE = /[^!-~]/g;
const CONTROL = /[^\t -~\x80-\xff]/g;

function percentEncoded(character: string): string {
  const code = character.charCodeAt(0);
  return code > 0xff ? '' : `%${code.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** The lines of trailers, with the empty line. */
export function writeTrailers(trailers: readonly Field[]): string {
  return `${linesOf(trailers, true).lines}\r\n`;
}

interface Ending {
  readonly framing: WrittenFraming;
  readonly upgrade: string | undefined;
  readonly option: ConnectionOption;
}

function finish(
  start: string,
  fields: readonly Field[],
  { framing, upgrade, option }: Ending,
): string {
  const { lines, hasTe } = linesOf(fields, framing === 'chunked');
  let text = start + lines;
  if (upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`;
  else if (option !== undefined) text += `Connection: ${option}\r\n`;
  // RFC 9110 section 10.1.4
  if (hasTe) text += 'Connection: TE\r\n';
  if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  else if (framing !== undefined) text += `Content-Length: ${framing}\r\n`;
  return `${text}\r\n`;
}

interface Lines {
  readonly lines: string;
  readonly hasTe: boolean;
}

/** @param maySendTrailers is false where no trailers can follow: a field that announces them would be a lie */
function linesOf(fields: readonly Field[], maySendTrailers: boolean): Lines {
  let lines = '';
  let hasTe = false;
  let isToken = true;
  for (const [name, value] of fields) {
    const apart = apartOf(name);
    if (apart !== undefined) {
      if (apart !== 'te') continue;
      hasTe = true;
    }
    isToken &&= !name.includes(':');
    if (!maySendTrailers && name.length === 7 && name.toLowerCase() === 'trailer') continue;
    lines += `${name}: ${value}\r\n`;
  }
  if (isToken && isFieldSection(`${lines}\r\n`, 0)) return { lines, hasTe };
  // No reader lets such a field pass, so it was made by a mistake here: what could end a line is not written.
  return linesOf(fields.filter(isSound), maySendTrailers);
}

function isSound([name, value]: Field): boolean {
  return (
    !name.includes(':') && !value.includes('\r') && isFieldSection(`${name}: ${value}\r\n\r\n`, 0)
  );
}
