import type { Field } from '../message.ts';
import { FieldNames, IDENTITY_FIELDS } from './identity-fields.ts';

/** What a trailer may not say: it comes when everything has been decided (RFC 9110 section 6.5.1). */
const NOT_IN_TRAILERS = new FieldNames([
  'Authorization',
  'Cache-Control',
  'Connection',
  'Content-Encoding',
  'Content-Length',
  'Content-Range',
  'Content-Type',
  'Cookie',
  'Expect',
  'Host',
  'Keep-Alive',
  'Max-Forwards',
  'Proxy-*',
  'Range',
  'Set-Cookie',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  // For which rules about requests look in the head alone.
  'X-HTTP-Method*',
  'X-Method-Override',
]);

/** What is taken off where a route says nothing else. */
const IDENTITIES = new FieldNames(IDENTITY_FIELDS);

/** The trailers of a request that may go on: without identities, which some servers read from any field. */
export function requestTrailers(
  trailers: readonly Field[],
  identityFields: FieldNames = IDENTITIES,
): readonly Field[] {
  return identityFields.without(NOT_IN_TRAILERS.without(trailers));
}

/** The trailers of a response that may go on. */
export function responseTrailers(trailers: readonly Field[]): readonly Field[] {
  return NOT_IN_TRAILERS.without(trailers);
}
