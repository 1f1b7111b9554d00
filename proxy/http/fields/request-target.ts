import type { RequestHead } from '../message.ts';

/** Whom and what a request asks for, as routes match it. */
export interface RequestTarget {
  /** The host name in lower case, without port and the dot of the root; undefined when HTTP/1.0 names none. */
  readonly host: string | undefined;
  /** The path without the query. */
  readonly path: string;
}

/** Visible ASCII without `#`, which cannot be in a target (RFC 9112 section 3.2). */
const TARGET = /^[!"$-~]+$/;

const AUTHORITY = /^(\[[0-9a-f:.]+\]|[a-z0-9_](?:[-a-z0-9_.]*[a-z0-9_.])?)(?::(\d{1,5}))?$/i;

/** Reads the target of a request; undefined when it is malformed, or none that can be routed. */
export function readRequestTarget({
  method,
  authority,
  target,
  version,
}: Pick<RequestHead, 'method' | 'authority' | 'target' | 'version'>): RequestTarget | undefined {
  if (!TARGET.test(target)) return undefined;
  if (authority === undefined && version !== '1.0') return undefined;
  const named = authority === undefined ? undefined : AUTHORITY.exec(authority);
  if (named === null) return undefined;
  const host = named?.[1]?.toLowerCase().replace(/\.$/, '');
  if (target === '*') return method === 'OPTIONS' ? { host, path: target } : undefined;
  if (!target.startsWith('/')) return undefined;
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  return leadsUp(path) ? undefined : { host, path };
}

/** What most paths have nothing of. */
const MAY_DECODE = /%[0-9a-f]{2}|\\|\/\//i;

/** Ends of segments that are none yet: `%2f`, `%5c`, a backslash, an empty segment. */
const HIDDEN_SEPARATOR = /%2f|%5c|\\|\/\//i;

/** The path as the most eager server reads it: percent signs decoded, `\` for `/`, slashes joined. */
export function decodedPath(path: string): string {
  if (!MAY_DECODE.test(path)) return path;
  return path
    .replaceAll(/%([0-9a-f]{2})/gi, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll('\\', '/')
    .replaceAll(/\/{2,}/g, '/');
}

/**
 * Whether a server could take the path for one that the route is not for: a prefix would not mean what it says
 * there. `matches` tells whether a path has this route.
 */
export function isAmbiguous(
  path: string,
  pathPrefix: string,
  matches: (path: string) => boolean,
): boolean {
  const hasParameters = MAY_HAVE_PARAMETERS.test(path);
  if (!hasParameters && !MAY_DECODE.test(path)) return false;
  if (pathPrefix !== '/' && HIDDEN_SEPARATOR.test(path)) return true;
  const decoded = decodedPath(path);
  if (!matches(decoded)) return true;
  // Servers take parameters off before they decode, or after it.
  return (
    hasParameters &&
    !(matches(decodedPath(withoutParameters(path))) && matches(withoutParameters(decoded)))
  );
}

const MAY_HAVE_PARAMETERS = /;|%3b/i;

/** Without what follows `;` in each segment: many servers find what they serve without it (RFC 3986 section 3.3). */
function withoutParameters(path: string): string {
  return path.replaceAll(/;[^/]*/g, '').replaceAll(/\/{2,}/g, '/');
}

const UP = /\/\.{1,2}(?:[/;]|$)/;

/** A path with `.` or `..` as a segment, however it is written (RFC 3986 section 5.2.4). */
function leadsUp(path: string): boolean {
  if (!path.includes('.') && !path.includes('%')) return false;
  return UP.test(path) || UP.test(decodedPath(path));
}
