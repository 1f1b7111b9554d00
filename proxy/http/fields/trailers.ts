import type { Field } from '../message.ts';
import { FieldNames, IDENTITY_FIELDS } from './identity-fields.ts';

/**
 * What a trailer may not say: it comes when everything has been decided (RFC 9110 section 6.5.1). That is so for
 * identities too, which some servers read from it as from any field.
 */
const NOT_IN_TRAILERS = new FieldNames([
  ...IDENTITY_FIELDS,
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
]);

/** The trailers that may go on. */
export function trailersToPass(trailers: readonly Field[]): readonly Field[] {
  return NOT_IN_TRAILERS.without(trailers);
}
