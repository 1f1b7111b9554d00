/**
 * A condition on the path of a request, which is compared in the form of `requestPath`:
 * - `Exact`: this path and no other;
 * - `PathPrefix`: this path and all below it, by whole segments: `/api` is for `/api`, `/api/` and `/api/v1`,
 *   but not for `/apis`. A slash at its end means nothing.
 */
export interface PathMatch {
  readonly type: 'Exact' | 'PathPrefix';
  readonly value: string;
}

/** What stands for itself in a path (RFC 3986 section 3.3), and the slash. */
const PLAIN = /^[\w\-.~!$&'()*+,;=:@/]*$/;
const ESCAPED_OR_ODD = /%[0-9A-Fa-f]{2}|[^\w\-.~!$&'()*+,;=:@/]/g;
const STANDS_FOR_ITSELF = /^[\w\-.~!$&'()*+,;=:@]$/;

/**
 * A slash or backslash that is written otherwise is one to some servers, and a control character ends a path for some. C0
 * and C1 are in no UTF-8 (RFC 3629): with them some servers read `.` and `/` out of two bytes.
 */
// oxlint-disable-next-line no-control-regex -- they are what is refused
const NEVER_ESCAPED = /^[/\\\u0000-\u001f\u007f\u00c0\u00c1]$/;

/**
 * The one way to write the path of a request target (RFC 3986 section 6.2.2): whatever need not be escaped is not,
 * the rest is, in upper case. Servers take all ways to write it for the same; this one is compared and,
 * where a path is changed, sent.
 *
 * @returns undefined for what servers read in several ways, so that a prefix would not mean what it says: dot
 *   segments, empty segments, and slashes and backslashes that are escaped or the wrong way round
 */
export function requestPath(target: string): string | undefined {
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  const normal = PLAIN.test(path) ? path : escaped(path);
  return normal === undefined || hasOddSegment(normal) ? undefined : normal;
}

function escaped(path: string): string | undefined {
  let isOdd = false;
  const normal = path.replace(ESCAPED_OR_ODD, (found) => {
    // A percent sign alone.
    if (found === '%') isOdd = true;
    const char = found.length === 3 ? String.fromCharCode(parseInt(found.slice(1), 16)) : found;
    if (NEVER_ESCAPED.test(char)) isOdd = true;
    if (STANDS_FOR_ITSELF.test(char)) return char;
    return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return isOdd ? undefined : normal;
}

/** Empty ones but the last, `.` and `..`, and these with parameters, which some servers take off first. */
function hasOddSegment(path: string): boolean {
  return path.includes('//') || /\/\.{1,2}(?:[/;]|$)/.test(path);
}

/** @param path as `requestPath` gives it */
export function matchesPath({ type, value }: PathMatch, path: string): boolean {
  if (type === 'Exact') return path === value;
  return isBelow(path, value);
}

/** True for the prefix itself and for what is below it; `/` has everything below it, `OPTIONS *` too. */
export function isBelow(path: string, prefix: string): boolean {
  const { length } = prefix;
  if (prefix === '/') return true;
  if (prefix.endsWith('/')) {
    return path.startsWith(prefix) || path === prefix.slice(0, -1);
  }
  return path.startsWith(prefix) && (path.length === length || path[length] === '/');
}

/**
 * What a path becomes when the prefix that it has is replaced (HTTPPathModifier: `ReplacePrefixMatch`):
 *
 *     /foo/bar  with /foo  by /xyz   /xyz/bar        /foo      by /xyz   /xyz
 *     /foo/bar  with /foo/ by /xyz/  /xyz/bar        /foo/     by /xyz   /xyz/
 *     /foo/bar  with /foo  by /      /bar            /foo      by /      /
 */
export function replacePrefix(path: string, prefix: string, replacement: string): string {
  const rest = path.slice(prefix.endsWith('/') ? prefix.length - 1 : prefix.length);
  const begin = replacement.endsWith('/') ? replacement.slice(0, -1) : replacement;
  return `${begin}${rest}` || '/';
}
