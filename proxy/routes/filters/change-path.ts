import { replacePrefix, requestPath } from '../../../common/routes/path-match.ts';
import type { PathModifier, RouteMatch } from '../../../common/routes/route.ts';

/** The target with another path (HTTPPathModifier); the query stays as it came, and so does what is no path. */
export function changePath(
  target: string,
  { type, value }: PathModifier,
  { path: match }: RouteMatch,
): string {
  if (!target.startsWith('/')) return target;
  const at = target.indexOf('?');
  const query = at === -1 ? '' : target.slice(at);
  if (type === 'ReplaceFullPath') return value + query;
  const path = requestPath(target);
  // A match without a path is one of the prefix `/`.
  return path === undefined ? target : replacePrefix(path, match?.value ?? '/', value) + query;
}
