import { isDeepStrictEqual } from 'node:util';
import type { Routes } from './backend-policy.ts';
import { formatServicePort, type RouteRule } from './route.ts';

/** What a change of routes means for the services that are called, each as `SERVICE.NAMESPACE:PORT`. */
export interface RouteChanges {
  /** Were carried as bytes, and are handled as HTTP from now on. */
  readonly handled: readonly string[];
  /** Are handled in another way. */
  readonly changed: readonly string[];
  /** Were handled as HTTP, and are carried as bytes from now on. */
  readonly carried: readonly string[];
}

/** Compares the rules of each service. */
export function routeChanges(before: Routes, after: Routes): RouteChanges {
  const [old, next] = [rulesByParent(before), rulesByParent(after)];
  const names = [...next.keys()];
  return {
    handled: names.filter((name) => !old.has(name)),
    changed: names.filter(
      (name) => old.has(name) && !isDeepStrictEqual(old.get(name), next.get(name)),
    ),
    carried: [...old.keys()].filter((name) => !next.has(name)),
  };
}

function rulesByParent({ routes }: Routes): Map<string, (readonly RouteRule[])[]> {
  const byParent = new Map<string, (readonly RouteRule[])[]>();
  for (const { parents, rules } of routes) {
    for (const name of parents.map(formatServicePort)) {
      byParent.set(name, [...(byParent.get(name) ?? []), rules]);
    }
  }
  return byParent;
}

/** The changes as sentences. */
export function describeRouteChanges({ handled, changed, carried }: RouteChanges): string[] {
  return [
    ...handled.map(
      (name) => `${name}: callers' sidecars handle its HTTP by its routes from now on`,
    ),
    ...changed.map((name) => `${name}: its routes change`),
    ...carried.map((name) => `${name}: it has no routes any more, and goes as bytes`),
  ];
}
