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
    // Some take the first of a list, and some the last.
    if (METHOD_FIELDS.has(name)) {
      for (const one of value.split(',')) methods.add(one.trim().toUpperCase());
    } else if (PATH_FIELDS.has(name)) targets.add(value.trim());
  }
  if (methods.size * targets.size > MAX_READINGS) return undefined;
  // What a field says need not begin with a slash; where it does not, who knows what it is taken for.
  const paths = [...targets].map((one) =>
    one === target || one.startsWith('/') ? requestPath(one) : undefined,
  );
  return [...methods].flatMap((own) => paths.map((path) => ({ method: own, path })));
}
