/** RFC 9110 section 9.2.2: more than one of them have the effect of one. */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  // RFC 4918 sections 9.1 and 9.2, RFC 3253 section 3.6, and RFC 5323.
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'REPORT',
  'SEARCH',
]);

/** True when a request may be sent twice without a change of what it does. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
