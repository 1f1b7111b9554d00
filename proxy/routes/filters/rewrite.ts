/** What a path becomes (Gateway API, HTTPPathModifier). */
export type PathChange =
  | { readonly type: 'ReplaceFullPath'; readonly replaceFullPath: string }
  | { readonly type: 'ReplacePrefixMatch'; readonly replacePrefixMatch: string };

/**
 * The target with another path; the query stays as it came. A prefix is replaced by whole segments: of `/foo/bar` with the prefix
 * `/foo`, `/xyz` makes `/xyz/bar` and `/` makes `/bar`.
 *
 * @param target path and query; `*` stays what it is
 * @param prefix what the path was matched by, when it was a prefix
 */
export function changePath(target: string, change: PathChange, prefix: string | undefined): string {
  if (!target.startsWith('/')) return target;
  const at = target.indexOf('?');
  const path = at === -1 ? target : target.slice(0, at);
  const query = at === -1 ? '' : target.slice(at);
  if (change.type === 'ReplaceFullPath') return change.replaceFullPath + query;
  if (prefix === undefined) return target;
  const rest = path.slice(withoutSlash(prefix).length);
  const changed = withoutSlash(change.replacePrefixMatch) + rest;
  return (changed.startsWith('/') ? changed : `/${changed}`) + query;
}

function withoutSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}
