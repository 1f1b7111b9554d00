import type { RequestRefusal } from '../refusal.ts';
import { type Field, listOf, valuesOf } from './fields.ts';

/** The part of a request that comes before its body, checked. */
export interface RequestHead {
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** As it came, with the port if there was one; undefined for HTTP/1.0 without a Host field. */
  readonly authority: string | undefined;
  /** The host name of the authority in lower case, without port. */
  readonly host: string | undefined;
  /** Path and query, or `*`. */
  readonly target: string;
  /** The path without the query, for routing. */
  readonly path: string;
  readonly fields: readonly Field[];
  readonly hasBody: boolean;
  /** Undefined when there is no body, or its length is not known beforehand. */
  readonly contentLength: number | undefined;
}

/** A request as the parser has it. */
export interface RawRequest {
  readonly version: string;
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** The request target (RFC 9112 section 3.2), or `:path`. */
  readonly target: string;
  /** `:authority`; undefined before HTTP/2. */
  readonly authority?: string | undefined;
  readonly fields: readonly Field[];
  /** HTTP/2 says so with its frames; before, the fields do. */
  readonly hasBody?: boolean;
}

/** Why a request is not passed on. */
export interface HeadRefusal {
  readonly refusal: RequestRefusal;
}

const REFUSED = (refusal: RequestRefusal): HeadRefusal => ({ refusal });

/** Methods that make a connection something else, or that show a client what was added on the way. */
const NOT_ALLOWED: ReadonlySet<string> = new Set(['CONNECT', 'TRACE']);

/** More fields than this is an attack on code that compares them. */
const MAX_FIELDS = 256;

/** Visible ASCII without `#`, which cannot be in a target (RFC 9112 section 3.2). */
const TARGET = /^[!"$-~]+$/;

const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9_](?:[-a-z0-9_.]*[a-z0-9_.])?)(?::(\d{1,5}))?$/i;

/**
 * Checks what the parser has let pass. Everything that another server could read in another way is
 * refused and not repaired: that is what smuggling lives on.
 */
export function readRequestHead(raw: RawRequest): RequestHead | HeadRefusal {
  const { version, method, fields } = raw;
  if (version !== '1.0' && version !== '1.1' && version !== '2.0') return REFUSED('malformed');
  if (fields.length > MAX_FIELDS) return REFUSED('headers-too-large');
  const framing = readFraming(raw);
  if (framing === undefined) return REFUSED('malformed');
  if (NOT_ALLOWED.has(method)) return REFUSED('method-not-allowed');
  const named = readTarget(raw);
  if (named === undefined) return REFUSED('malformed');
  const { authority, target } = named;
  if (authority === undefined && version !== '1.0') return REFUSED('malformed');
  const [, host] = authority === undefined ? [] : (AUTHORITY.exec(authority) ?? []);
  if (authority !== undefined && host === undefined) return REFUSED('malformed');
  const [path = ''] = target.split('?');
  if (!isPlain(path, method)) return REFUSED('malformed');
  return {
    ...framing,
    ...named,
    method,
    scheme: raw.scheme,
    fields,
    path,
    host: host?.toLowerCase().replace(/\.$/, ''),
  };
}

/** RFC 9112 section 6: a body has a length or chunks, and not both, and says so once. */
function readFraming({
  version,
  fields,
  hasBody,
}: RawRequest): Pick<RequestHead, 'hasBody' | 'contentLength'> | undefined {
  const encodings = valuesOf(fields, 'transfer-encoding');
  const lengths = valuesOf(fields, 'content-length');
  const [encoding] = encodings;
  const [length] = lengths;
  if (encodings.length > 1 || lengths.length > 1) return undefined;
  if (encoding !== undefined) {
    // Other codings need a decoder, which we are not, and which not every service has.
    const isChunked = version === '1.1' && encoding.toLowerCase() === 'chunked';
    return isChunked && length === undefined
      ? { hasBody: true, contentLength: undefined }
      : undefined;
  }
  if (length === undefined) return { hasBody: hasBody ?? false, contentLength: undefined };
  if (!/^\d{1,15}$/.test(length)) return undefined;
  const contentLength = Number(length);
  return { hasBody: hasBody ?? contentLength > 0, contentLength };
}

/** Who is asked, and for what: RFC 9112 section 3.2 and RFC 9113 section 8.3.1. */
function readTarget({
  fields,
  authority,
  target,
  version,
  method,
}: RawRequest): Pick<RequestHead, 'authority' | 'target'> | undefined {
  const hosts = valuesOf(fields, 'host');
  const [host] = hosts;
  if (hosts.length > 1 || !TARGET.test(target)) return undefined;
  if (target === '*') {
    return method === 'OPTIONS' ? { authority: authority ?? host, target } : undefined;
  }
  if (target.startsWith('/')) {
    const differs = authority !== undefined && host !== undefined && authority !== host;
    return differs ? undefined : { authority: authority ?? host, target };
  }
  const [, named, path = ''] = /^https?:\/\/([^/?]+)(.*)$/i.exec(target) ?? [];
  if (named === undefined || version === '2.0') return undefined;
  if (host !== undefined && host.toLowerCase() !== named.toLowerCase()) return undefined;
  return { authority: named, target: path.startsWith('/') ? path : `/${path}` };
}

/**
 * A prefix would not mean what it says where a path leads out of it again, also when that is written
 * with percent signs or with backslashes.
 */
function isPlain(path: string, method: string): boolean {
  if (path === '*') return method === 'OPTIONS';
  const segments = path.replaceAll('\\', '/').split('/');
  return segments.every((segment) => !/^(?:\.|%2e){1,2}(?:;|$)/i.test(segment));
}

/** Whether the client wants to speak WebSocket from then on (RFC 6455 section 4.1). */
export function asksForWebSocket(fields: readonly Field[]): boolean {
  const upgrades = listOf(fields, 'upgrade');
  return listOf(fields, 'connection').includes('upgrade') && upgrades.join() === 'websocket';
}
