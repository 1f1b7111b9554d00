import type { RouteMatch } from './route.ts';

/**
 * Orders matches so that the first one that fits is the one that counts. HTTPRoute: an exact path, the longest
 * prefix, a method, the most headers, the most query parameters. GRPCRoute: the longest service, the longest
 * method, the most headers. What is equal in all of this stays in the order of the document.
 */
export function orderMatches<Entry extends { readonly match: RouteMatch }>(
  entries: readonly Entry[],
): readonly Entry[] {
  const ranked = entries.map((entry) => ({ entry, rank: rankOf(entry.match) }));
  return ranked.toSorted((a, b) => compareRanks(a.rank, b.rank)).map(({ entry }) => entry);
}

function rankOf({ path, grpcMethod, method, headers, queryParams }: RouteMatch): readonly number[] {
  return [
    path?.type === 'Exact' ? 1 : 0,
    path?.type === 'PathPrefix' ? withoutLastSlash(path.value).length : 0,
    grpcMethod?.service?.length ?? 0,
    grpcMethod?.method?.length ?? 0,
    method === undefined ? 0 : 1,
    headers.length,
    queryParams.length,
  ];
}

function withoutLastSlash(prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix;
}

/** The larger first. */
function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [at, value] of a.entries()) {
    const difference = (b[at] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}
