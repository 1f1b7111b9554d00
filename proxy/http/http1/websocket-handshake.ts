import { createHash, randomBytes } from 'node:crypto';
import type { Field, RequestHead, ResponseHead } from '../message.ts';

/** RFC 6455 section 1.3 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const KEY_BYTES = 16;

/**
 * The proof of RFC 6455 that a server speaks WebSocket is a matter of HTTP/1.1 alone: extended CONNECT has none
 * (RFC 8441 section 5). Where a WebSocket goes from one version to the other, each HTTP/1.1 side of it is played here.
 */
export interface WebSocketProof {
  readonly key: string;
}

/** What a request needs that came in HTTP/2; undefined for any other. */
export function proofFor({ version, upgrade, fields }: RequestHead): WebSocketProof | undefined {
  const isOwn = version === '2' && upgrade === 'websocket' && valueOf(fields, KEY) === undefined;
  return isOwn ? { key: randomBytes(KEY_BYTES).toString('base64') } : undefined;
}

/** The request with its key. */
export function withKey(head: RequestHead, { key }: WebSocketProof): RequestHead {
  return { ...head, fields: [...head.fields, ['Sec-WebSocket-Key', key]] };
}

/** The answer without its proof; undefined when that is not the one that belongs to the key. */
export function withoutProof(
  head: ResponseHead,
  { key }: WebSocketProof,
): ResponseHead | undefined {
  if (valueOf(head.fields, ACCEPT) !== acceptOf(key)) return undefined;
  return { ...head, fields: head.fields.filter(([name]) => name.toLowerCase() !== ACCEPT) };
}

/** The answer with the proof that the client's key asks for, where a service that speaks HTTP/2 gave none. */
export function withProof(head: ResponseHead, request: RequestHead): ResponseHead {
  const key = valueOf(request.fields, KEY);
  if (head.version !== '2' || key === undefined) return head;
  const fields = head.fields.filter(([name]) => name.toLowerCase() !== ACCEPT);
  return { ...head, fields: [...fields, ['Sec-WebSocket-Accept', acceptOf(key)]] };
}

const KEY = 'sec-websocket-key';
const ACCEPT = 'sec-websocket-accept';

function valueOf(fields: readonly Field[], lowerName: string): string | undefined {
  return fields.find(([name]) => name.toLowerCase() === lowerName)?.[1];
}

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`, 'latin1').digest('base64');
}
