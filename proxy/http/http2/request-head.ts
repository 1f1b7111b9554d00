import type { Field, RequestHead } from '../message.ts';
import { malformed, type Malformed, sortFields } from './read-fields.ts';
import { addFields } from './write-fields.ts';

const PSEUDO = new Set([':method', ':scheme', ':authority', ':path', ':protocol']);

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Host and port in ASCII, without the user information that HTTP forbids (RFC 9113 section 8.3.1). */
// oxlint-disable-next-line no-control-regex -- no URI has them
const AUTHORITY = /^[^\0-\x20\x7f-\xff/?#@\\]+$/;

/** Path and query; a fragment is not sent (RFC 9110 section 7.1). */
// oxlint-disable-next-line no-control-regex -- no URI has them
const PATH = /^\/[^\0-\x20\x7f#]*$/;

/** Reads the head of a request (RFC 9113 section 8.3.1, RFC 8441 section 4). */
export function readRequestHead(all: readonly Field[]): RequestHead | Malformed {
  const sorted = sortFields(all, PSEUDO);
  if ('malformed' in sorted) return sorted;
  const { pseudo, fields, host, contentLength } = sorted;
  const method = pseudo[':method'];
  if (method === undefined || !TOKEN.test(method)) {
    return malformed('a method', method ?? '');
  }
  const authority = pseudo[':authority'] ?? host;
  if (authority !== undefined && !AUTHORITY.test(authority)) {
    return malformed('host or host:port as authority', authority);
  }
  if (host !== undefined && host !== authority && !isSameHost(host, authority)) {
    return malformed(`the authority ${JSON.stringify(authority)} as Host`, host);
  }
  const head = { version: '2', fields, contentLength, authority } as const;
  const protocol = pseudo[':protocol'];
  if (method === 'CONNECT' && protocol === undefined) {
    const isTunnel = pseudo[':scheme'] === undefined && pseudo[':path'] === undefined;
    if (!isTunnel || authority === undefined) {
      return malformed('CONNECT with nothing but an authority', authority ?? '');
    }
    return { ...head, method, scheme: 'http', target: '', upgrade: undefined };
  }
  const scheme = pseudo[':scheme']?.toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return malformed('http or https', scheme ?? '');
  const target = pseudo[':path'] ?? '';
  if (!PATH.test(target) && !(target === '*' && method === 'OPTIONS')) {
    return malformed('a path', target);
  }
  if (protocol === undefined) {
    return {
      version: '2',
      method,
      scheme,
      authority,
      target,
      fields,
      contentLength,
      upgrade: undefined,
    };
  }
  if (method !== 'CONNECT' || authority === undefined || !TOKEN.test(protocol)) {
    return malformed('a protocol of CONNECT', protocol);
  }
  return { ...head, method: 'GET', scheme, target, upgrade: protocol, contentLength: undefined };
}

function isSameHost(host: string, authority: string | undefined): boolean {
  return host.toLowerCase() === authority?.toLowerCase();
}

/** The fields of a request, as HTTP/2 has them. */
export function requestFields(head: RequestHead): Field[] {
  const { method, scheme, authority, target, upgrade, contentLength } = head;
  const isTunnel = method === 'CONNECT';
  const fields: Field[] = [[':method', upgrade === undefined ? method : 'CONNECT']];
  if (upgrade !== undefined) fields.push([':protocol', upgrade]);
  if (!isTunnel) fields.push([':scheme', scheme]);
  if (authority !== undefined) fields.push([':authority', authority]);
  if (!isTunnel) fields.push([':path', target]);
  addFields(fields, head.fields);
  if (contentLength !== undefined && upgrade === undefined) {
    fields.push(['content-length', String(contentLength)]);
  }
  return fields;
}
