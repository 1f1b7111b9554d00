import type { Exchange } from '../exchange.ts';
import { chunked, single } from './requests.ts';

/** Registered methods, and tokens that are none of them. */
export const METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'PATCH',
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'LOCK',
  'UNLOCK',
  'REPORT',
  'SEARCH',
  'QUERY',
  'PURGE',
  'LINK',
  'MKCALENDAR',
  'M-SEARCH',
  'BREW',
  'X.Y',
  "A!#$%&'*+-.^_`|~9",
];

const FRAMINGS = [
  ['no body', [], ''],
  ['an empty body', ['Content-Length: 0'], ''],
  ['a length', ['Content-Length: 5'], 'hello'],
  ['chunks', ['Transfer-Encoding: chunked'], chunked(['hel', 'lo'])],
] as const;

/** Every method with every framing of its body (RFC 9110 section 9, RFC 9112 section 6). */
export const METHOD_EXCHANGES: readonly Exchange[] = METHODS.flatMap((method) =>
  FRAMINGS.map(([framing, fields, body]) =>
    single('method', `${method} with ${framing}`, { method, fields, body }),
  ),
);
