import type { Field, ResponseHead } from '../message.ts';
import { malformed, type Malformed, sortFields } from './read-fields.ts';
import { addFields } from './write-fields.ts';

const PSEUDO = new Set([':status']);

const STATUS = /^[1-9][0-9]{2}$/;

/**
 * Reads the head of a response (RFC 9113 section 8.3.2).
 *
 * @param upgrade is the protocol that was asked for with an extended CONNECT, which 200 grants (RFC 8441 section 5)
 */
export function readResponseHead(
  all: readonly Field[],
  upgrade: string | undefined,
): ResponseHead | Malformed {
  const sorted = sortFields(all, PSEUDO);
  if ('malformed' in sorted) return sorted;
  const { pseudo, fields, host, contentLength } = sorted;
  const text = pseudo[':status'] ?? '';
  const status = Number(text);
  // RFC 9113 section 8.6: HTTP/2 switches no protocols.
  if (!STATUS.test(text) || status === 101) return malformed('a status', text);
  if (host !== undefined) return malformed('no Host in a response', host);
  const isGranted = upgrade !== undefined && status === 200;
  return {
    version: '2',
    status: isGranted ? 101 : status,
    reason: '',
    fields,
    contentLength: !isGranted && hasLength(status) ? contentLength : undefined,
    upgrade: isGranted ? upgrade : undefined,
  };
}

/** The fields of a response, as HTTP/2 has them. */
export function responseFields(head: ResponseHead): Field[] {
  const { status, contentLength } = head;
  const fields: Field[] = [[':status', status === 101 ? '200' : String(status)]];
  addFields(fields, head.fields);
  if (contentLength !== undefined && hasLength(status)) {
    fields.push(['content-length', String(contentLength)]);
  }
  return fields;
}

/** False for responses that have no Content-Length (RFC 9110 section 8.6). */
function hasLength(status: number): boolean {
  return status >= 200 && status !== 204;
}
