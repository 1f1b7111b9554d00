import type { ResponseHead } from '../message.ts';
import {
  type FieldSection,
  isFieldSection,
  listMembers,
  MAX_FIELDS,
  readFieldSection,
} from './field-section.ts';
import { CONTENT_LENGTH } from './request-head.ts';

/** How the body of a response is framed (RFC 9112 section 6.3). */
export type ResponseFraming = number | 'chunked' | 'until-close';

/** A response as its head describes it. */
export interface Http1Response {
  readonly head: ResponseHead;
  /** Meaningless for an interim response, and for 101. */
  readonly framing: ResponseFraming;
  /** The connection may carry another request after it (RFC 9112 section 9.3). */
  readonly isPersistent: boolean;
}

/** RFC 9112 section 4; the space before an empty reason phrase is missing from some servers. */
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t -~\x80-\xff]*))?\r\n/;

/** Says whether a first line is that of a response. */
export function isStatusLine(line: string): boolean {
  return STATUS_LINE.test(line);
}

/** Why it is refused if it is not. */
export const STATUS_LINE_SENTENCE = 'expected a status line of HTTP/1.1, got something else';

/** A space before the colon (RFC 9112 section 5.1). */
const SPACE_BEFORE_COLON = /^([!#$%&'*+.^`|~\w-]+)[\t ]+:/gm;

/** A line that goes on in the next one (RFC 9112 section 5.2). */
const FOLD = /\r\n[\t ]+/g;

/**
 * Reads the head of a response to a request of that method. Repairs what RFC 9112 asks a proxy to repair, so that
 * the client gets a correct head; refuses whatever leaves the end of the response in doubt.
 *
 * @returns a sentence about what is wrong, when it cannot be read
 */
export function readResponseHead(text: string, method: string): Http1Response | string {
  const [line, minor, digits, reason = ''] = STATUS_LINE.exec(text) ?? [];
  if (line === undefined) return STATUS_LINE_SENTENCE;
  const lines = soundLines(text, line.length);
  if (lines === undefined) {
    return 'expected lines of fields that end with CR LF in the response, got something else';
  }
  const section = readFieldSection(lines, 0);
  if (section === undefined)
    return `expected a response with at most ${MAX_FIELDS} fields, got more`;
  const status = Number(digits);
  const framed = framingOf(section, status, method, minor === '0');
  if (typeof framed === 'string') return framed;
  const { framing, contentLength } = framed;
  const { fields, connection, upgrades } = section;
  const isPersistent =
    !connection.includes('close') &&
    (minor === '1' || connection.includes('keep-alive')) &&
    framing !== 'until-close';
  const head: ResponseHead = {
    version: minor === '0' ? '1.0' : '1.1',
    status,
    reason,
    fields,
    contentLength,
    upgrade: status === 101 && upgrades.length === 1 ? upgrades[0] : undefined,
  };
  return { head, framing, isPersistent };
}

function soundLines(text: string, from: number): string | undefined {
  const lines = text.slice(from);
  if (isFieldSection(lines, 0)) return lines;
  // A line that begins with a space and goes on with nothing would be the empty line after all.
  if (/^[\t ]/.test(lines)) return undefined;
  const repaired = lines.replaceAll(FOLD, ' ').replaceAll(SPACE_BEFORE_COLON, '$1:');
  return isFieldSection(repaired, 0) ? repaired : undefined;
}

/** RFC 9112 section 6.3, in its order. */
function framingOf(
  { contentLengths, transferEncodings }: FieldSection,
  status: number,
  method: string,
  isOld: boolean,
): { readonly framing: ResponseFraming; readonly contentLength: number | undefined } | string {
  const [encoding] = transferEncodings;
  const [length] = contentLengths;
  const contentLength = lengthOf(contentLengths);
  if (typeof contentLength === 'string') return contentLength;
  if (status < 200 || status === 204) return { framing: 0, contentLength: undefined };
  if (method === 'HEAD' || status === 304) return { framing: 0, contentLength };
  if (encoding !== undefined) {
    if (isOld) return 'expected no Transfer-Encoding in a response of HTTP/1.0, got one';
    if (length !== undefined) {
      return 'expected Content-Length or Transfer-Encoding in the response, got both';
    }
    if (transferEncodings.length > 1 || encoding.toLowerCase() !== 'chunked') {
      return 'expected chunked as the one Transfer-Encoding of the response, got another';
    }
    return { framing: 'chunked', contentLength: undefined };
  }
  return { framing: contentLength ?? 'until-close', contentLength };
}

/** The same length several times is one (RFC 9110 section 8.6). */
function lengthOf(contentLengths: readonly string[]): number | undefined | string {
  const [only] = contentLengths;
  if (only === undefined) return undefined;
  if (contentLengths.length === 1 && CONTENT_LENGTH.test(only)) return Number(only);
  const lengths = contentLengths.flatMap(listMembers);
  const [length] = lengths;
  if (
    length === undefined ||
    !CONTENT_LENGTH.test(length) ||
    lengths.some((other) => other !== length)
  ) {
    return 'expected one number as Content-Length of the response, got something else';
  }
  return Number(length);
}
