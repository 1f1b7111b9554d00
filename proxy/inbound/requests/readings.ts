import type { HttpRequest } from '../../../common/authorization/request-condition.ts';
import { requestPath } from '../../../common/routes/path-match.ts';
import { FieldNames } from '../../http/fields/identity-fields.ts';
import type { RequestHead } from '../../http/message.ts';

/** By which some frameworks take a request for one of another method: Rails, Express, Spring, ASP.NET, Google's. */
const METHOD_FIELDS = new FieldNames([
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
]);

/** By which some take it for one of another path: Symfony, Zend, IIS. */
const PATH_FIELDS = new FieldNames(['X-Original-URL', 'X-Rewrite-URL']);

/** No client says more; and each costs a decision. */
const MAX_READINGS = 8;

/**
 * What an application may take a request for: what its first line says, and what fields say instead in which some
 * applications believe. A policy must allow each of them. Undefined for more of them than make sense.
 */
export function readingsOf({ method, target, fields }: RequestHead): HttpRequest[] | undefined {
  const methods = new Set([method]);
  const targets = new Set([target]);
  for (const [name, value] of fields) {
    if (METHOD_FIELDS.has(name)) methods.add(value.trim().toUpperCase());
    else if (PATH_FIELDS.has(name)) targets.add(value.trim());
  }
  if (methods.size * targets.size > MAX_READINGS) return undefined;
  const paths = [...targets].map((one) => requestPath(one));
  return [...methods].flatMap((own) => paths.map((path) => ({ method: own, path })));
}
