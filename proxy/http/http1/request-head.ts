import type { ProtocolRefusal } from '../exchange.ts';
import type { RequestHead } from '../message.ts';
import {
  type FieldSection,
  isFieldSection,
  MAX_FIELDS,
  readFieldSection,
} from './field-section.ts';

/** How many bytes a body has, or that it comes in chunks. */
export type RequestFraming = number | 'chunked';

/** A request as its head describes it. */
export interface Http1Request {
  readonly head: RequestHead;
  readonly framing: RequestFraming;
  /** The connection may carry another request after it (RFC 9112 section 9.3). */
  readonly isPersistent: boolean;
}

/** RFC 9112 section 3: the method, a target without spaces and fragment, the version, and nothing else. */
const REQUEST_LINE = /^([!#$%&'*+.^`|~\w-]+) ([!"$-~]+) HTTP\/(\d\.\d)\r\n/;

/** `host` or `host:port`. Neither userinfo nor percent signs: nothing that servers read in different ways. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[a-z0-9_](?:[-a-z0-9_.]*[a-z0-9_.])?)(?::\d{1,5})?$/i;

const ABSOLUTE = /^https?:\/\/([^/?]*)(.*)$/i;

/** The first line of a request. */
interface RequestLine {
  readonly method: string;
  /** The target as it came, in whichever form. */
  readonly form: string;
  readonly version: '1.0' | '1.1';
  /** With its end. */
  readonly bytes: number;
}

/** Reads the first line; refuses one that is not of HTTP/1.0 or HTTP/1.1. */
export function readRequestLine(text: string): RequestLine | ProtocolRefusal {
  const match = REQUEST_LINE.exec(text);
  if (match === null) return malformed(`expected a request line, got ${quote(text)}`);
  const [line, method = '', form = '', version = ''] = match;
  if (version === '1.1' || version === '1.0') {
    return { method, form, version, bytes: line.length };
  }
  const sentence = `expected HTTP/1.0 or HTTP/1.1, got HTTP/${version}`;
  return { reason: 'unsupported', status: 505, sentence };
}

/**
 * Reads the head of a request. What another server could read in another way is refused and not repaired:
 * that is what smuggling lives on (RFC 9112 section 11.2).
 */
export function readRequestHead(
  text: string,
  scheme: RequestHead['scheme'],
): Http1Request | ProtocolRefusal {
  const line = readRequestLine(text);
  if ('reason' in line) return line;
  const { method, form, version, bytes } = line;
  if (!isFieldSection(text, bytes)) return malformed(SECTION_SENTENCE);
  const section = readFieldSection(text, bytes);
  if (section === undefined) return TOO_MANY_FIELDS;
  const framing = framingOf(section, version);
  if (typeof framing === 'object') return framing;
  const named = readTarget(method, form, section, version);
  if ('reason' in named) return named;
  const { connection, upgrades, fields } = section;
  // Only in HTTP/1.1 (RFC 9110 section 7.8). Other proposals are ignored: a service that agreed to h2c would serve
  // requests that no rule here has seen.
  const isWebSocket =
    version === '1.1' && connection.includes('upgrade') && upgrades.join() === 'websocket';
  if (isWebSocket && (method !== 'GET' || framing !== 0)) {
    return malformed('expected a WebSocket to be asked for by a GET without a body (RFC 6455)');
  }
  const isPersistent =
    !connection.includes('close') && (version === '1.1' || connection.includes('keep-alive'));
  const head: RequestHead = {
    version,
    method,
    scheme,
    authority: named.authority,
    target: named.target,
    fields,
    contentLength:
      section.contentLengths.length > 0 ? Number(section.contentLengths[0]) : undefined,
    upgrade: isWebSocket ? 'websocket' : undefined,
  };
  return { head, framing, isPersistent };
}

/** RFC 9112 section 6: a body has a length or comes in chunks, not both, and the head says so once. */
function framingOf(
  { contentLengths, transferEncodings }: FieldSection,
  version: '1.0' | '1.1',
): RequestFraming | ProtocolRefusal {
  const [encoding] = transferEncodings;
  const [length] = contentLengths;
  if (encoding !== undefined) {
    if (version === '1.0') return malformed('expected no Transfer-Encoding in HTTP/1.0, got one');
    if (length !== undefined) {
      return malformed('expected Content-Length or Transfer-Encoding, got both');
    }
    if (transferEncodings.length > 1) {
      return malformed(`expected one Transfer-Encoding, got ${transferEncodings.length}`);
    }
    return encoding.toLowerCase() === 'chunked' ? 'chunked' : refuseCoding(encoding);
  }
  if (length === undefined) return 0;
  if (contentLengths.length > 1) {
    return malformed(`expected one Content-Length, got ${contentLengths.length}`);
  }
  if (!CONTENT_LENGTH.test(length)) {
    return malformed(`expected a number as Content-Length, got ${quote(length)}`);
  }
  return Number(length);
}

/** Digits only, and a number that a double holds exactly. */
export const CONTENT_LENGTH = /^\d{1,15}$/;

/** Other codings before `chunked`, well-formed: what RFC 9112 section 6.1 wants answered with 501. */
const CODINGS = /^(?:[\w-]+ *, *)+chunked$/i;

function refuseCoding(encoding: string): ProtocolRefusal {
  const sentence = `expected chunked as Transfer-Encoding, got ${quote(encoding)}`;
  if (!CODINGS.test(encoding) || /chunked *,/i.test(encoding)) return malformed(sentence);
  return { reason: 'unsupported', status: 501, sentence };
}

/** Who is asked, and for what (RFC 9112 section 3.2). */
function readTarget(
  method: string,
  form: string,
  { hosts }: FieldSection,
  version: '1.0' | '1.1',
): Pick<RequestHead, 'authority' | 'target'> | ProtocolRefusal {
  const [host] = hosts;
  if (hosts.length > 1 || (host === undefined && version === '1.1')) {
    return malformed(`expected one Host, got ${hosts.length}`);
  }
  if (host !== undefined && !AUTHORITY.test(host)) {
    return malformed(`expected a host and perhaps a port as Host, got ${quote(host)}`);
  }
  if (method === 'CONNECT') {
    return AUTHORITY.test(form)
      ? { authority: form, target: '' }
      : malformed(`expected a host and a port as the target of CONNECT, got ${quote(form)}`);
  }
  if (form.startsWith('/') || (form === '*' && method === 'OPTIONS')) {
    return { authority: host, target: form };
  }
  // The absolute form wins over Host (RFC 9112 section 3.2.2).
  const [, authority, rest = ''] = ABSOLUTE.exec(form) ?? [];
  if (authority === undefined || !AUTHORITY.test(authority)) {
    return malformed(`expected a path, or a URL of http, as the target, got ${quote(form)}`);
  }
  // Without a path, OPTIONS asks the server as a whole (RFC 9112 section 3.2.4).
  if (rest === '' && method === 'OPTIONS') return { authority, target: '*' };
  return { authority, target: rest.startsWith('/') ? rest : `/${rest}` };
}

const SECTION_SENTENCE = 'expected lines of fields that end with CR LF, got something else';

/** RFC 6585 section 5 */
const TOO_MANY_FIELDS: ProtocolRefusal = {
  reason: 'headers-too-large',
  status: 431,
  sentence: `expected at most ${MAX_FIELDS} fields, got more`,
};

/** Against the rules of HTTP. */
export function malformed(sentence: string): ProtocolRefusal {
  return { reason: 'malformed', status: 400, sentence };
}

const QUOTED_CHARACTERS = 40;

/** As much of it as helps a reader of the log. */
function quote(text: string): string {
  const [line = ''] = text.split('\r\n', 1);
  const isLong = line.length > QUOTED_CHARACTERS;
  return JSON.stringify(isLong ? `${line.slice(0, QUOTED_CHARACTERS)}...` : line);
}
