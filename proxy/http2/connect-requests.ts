import type { Http2Connection } from './connection.ts';
import { isFieldValue, isRegularField } from './field-rules.ts';
import type { HeaderField } from './hpack/static-table.ts';
import { ERROR_CODE } from './protocol.ts';
import type { Http2Stream } from './stream.ts';

/** What the header fields of a request ask for. */
export type ConnectHead =
  | { readonly kind: 'connect'; readonly authority: string }
  /** A request that keeps the rules of HTTP, and is none for a tunnel. */
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed' };

const STATUS = /^[1-9][0-9]{2}$/;

/** Answers a request to a peer that carries tunnels and nothing else; those for a tunnel go to `connect`. */
export function serveConnect(
  connection: Http2Connection,
  stream: Http2Stream,
  fields: readonly HeaderField[],
  connect: (stream: Http2Stream, authority: string) => void,
): void {
  const head = readRequest(fields);
  switch (head.kind) {
    case 'malformed':
      return connection.refuse(stream, ERROR_CODE.PROTOCOL_ERROR);
    case 'other':
      connection.spend('requests for tunnels', 'others');
      return connection.respond(stream, 400, true);
    case 'connect':
      return connect(stream, head.authority);
  }
}

/** Reads the fields of a request (RFC 9113 sections 8.3.1 and 8.5). */
export function readRequest(fields: readonly HeaderField[]): ConnectHead {
  const [first, second, third] = fields;
  // Nearly all of them: nothing but the two that a CONNECT has.
  if (third === undefined && isMethodConnect(first) && second?.[0] === ':authority') {
    const [, authority] = second;
    return authority !== '' && isFieldValue(authority)
      ? { kind: 'connect', authority }
      : { kind: 'malformed' };
  }
  const pseudo = splitPseudo(fields, [':method', ':scheme', ':authority', ':path']);
  const method = pseudo?.get(':method');
  if (pseudo === undefined || !method) return { kind: 'malformed' };
  if (method !== 'CONNECT') {
    const isWhole = Boolean(pseudo.get(':scheme')) && Boolean(pseudo.get(':path'));
    return { kind: isWhole ? 'other' : 'malformed' };
  }
  const authority = pseudo.get(':authority');
  if (!authority || pseudo.size !== 2) return { kind: 'malformed' };
  return { kind: 'connect', authority };
}

function isMethodConnect(field: HeaderField | undefined): boolean {
  return field?.[0] === ':method' && field[1] === 'CONNECT';
}

/** Reads the status of a response (RFC 9113 section 8.3.2); undefined when it is malformed. */
export function readStatus(fields: readonly HeaderField[]): number | undefined {
  const [first, second] = fields;
  // What nearly every CONNECT is answered with.
  if (second === undefined && first?.[0] === ':status' && first[1] === '200') return 200;
  const status = splitPseudo(fields, [':status'])?.get(':status');
  return status !== undefined && STATUS.test(status) ? Number(status) : undefined;
}

/** The pseudo-header fields; undefined when any field breaks the rules (RFC 9113 section 8.2). */
function splitPseudo(
  fields: readonly HeaderField[],
  known: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const pseudo = new Map<string, string>();
  let regularSeen = false;
  for (const field of fields) {
    const [name, value] = field;
    if (name.startsWith(':')) {
      if (regularSeen || pseudo.has(name) || !known.includes(name)) return undefined;
      if (!isFieldValue(value)) return undefined;
      pseudo.set(name, value);
      continue;
    }
    regularSeen = true;
    if (!isRegularField(field)) return undefined;
  }
  return pseudo;
}
