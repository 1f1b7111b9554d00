/** Something that is for some host names: exact ones, `*.` for all below a name, none for all. */
export interface HasHostnames {
  readonly hostnames: readonly string[];
}

/** Something that is for some host names and paths. */
export interface HasPath extends HasHostnames {
  /** `/`, or segments without a slash at the end. */
  readonly pathPrefix: string;
}

const EXACT = 1_000_000;

/**
 * How well host names fit one: an exact name best, then the longest `*.` name, then no names at all.
 *
 * @returns undefined when they do not fit
 */
function fit({ hostnames }: HasHostnames, host: string | undefined): number | undefined {
  if (hostnames.length === 0) return 0;
  if (host === undefined) return undefined;
  let longest: number | undefined;
  for (const name of hostnames) {
    if (name === host) return EXACT;
    const fits = name.startsWith('*.') && host.endsWith(name.slice(1));
    if (fits && name.length > (longest ?? 0)) longest = name.length;
  }
  return longest;
}

/** The route whose host names fit best; the first of several that fit as well. */
export function routeByHost<Route extends HasHostnames>(
  routes: readonly Route[],
  host: string | undefined,
): Route | undefined {
  return best(routes, (route) => fit(route, host));
}

/**
 * The route for a request. The host name decides first, then the longest prefix (Gateway API: prefixes
 * match whole segments, so that `/api` is for `/api` and `/api/v1` but not for `/apis`).
 *
 * @param path without the query
 */
export function routeRequest<Route extends HasPath>(
  routes: readonly Route[],
  host: string | undefined,
  path: string,
): Route | undefined {
  return best(routes, (route) => {
    const hostFit = fit(route, host);
    const { pathPrefix } = route;
    const fits = pathPrefix === '/' || path === pathPrefix || path.startsWith(`${pathPrefix}/`);
    // A path is never as long as one step of the host name's rank.
    return hostFit === undefined || !fits ? undefined : hostFit * EXACT + pathPrefix.length;
  });
}

function best<Route>(
  routes: readonly Route[],
  rank: (route: Route) => number | undefined,
): Route | undefined {
  let found: { readonly route: Route; readonly value: number } | undefined;
  for (const route of routes) {
    const value = rank(route);
    if (value !== undefined && value > (found?.value ?? -1)) found = { route, value };
  }
  return found?.route;
}
