import type { HeaderField } from './hpack/static-table.ts';

/** What the header fields of a request ask for. */
export type RequestHead =
  | { readonly kind: 'connect'; readonly authority: string }
  /** A request that keeps the rules of HTTP, and is none for a tunnel. */
  | { readonly kind: 'other' }
  | { readonly kind: 'malformed' };

/** Belong to HTTP/1.1 (RFC 9113 section 8.2.2). */
const CONNECTION_FIELDS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Lower case, and none of the controls and separators of HTTP/1.1 (RFC 9113 section 8.2.1). */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** No NUL, CR or LF, and no space at the ends (RFC 9113 section 8.2.1). */
// oxlint-disable-next-line no-control-regex -- these are the characters that the RFC forbids
const FORBIDDEN_IN_VALUE = /[\0\r\n]|^[ \t]|[ \t]$/;

const STATUS = /^[1-9][0-9]{2}$/;

/** Reads the fields of a request (RFC 9113 sections 8.3.1 and 8.5). */
export function readRequest(fields: readonly HeaderField[]): RequestHead {
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

/** Reads the status of a response (RFC 9113 section 8.3.2); undefined when it is malformed. */
export function readStatus(fields: readonly HeaderField[]): number | undefined {
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
  for (const [name, value] of fields) {
    if (FORBIDDEN_IN_VALUE.test(value)) return undefined;
    if (name.startsWith(':')) {
      if (regularSeen || pseudo.has(name) || !known.includes(name)) return undefined;
      pseudo.set(name, value);
      continue;
    }
    regularSeen = true;
    if (!FIELD_NAME.test(name) || CONNECTION_FIELDS.has(name)) return undefined;
    if (name === 'te' && value !== 'trailers') return undefined;
  }
  return pseudo;
}
