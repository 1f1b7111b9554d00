/** What holds for all routes and requests: the rule that is found fits, none that fits comes before it, and order is all. */
import test from 'ava';
import fc from 'fast-check';
import { fitsMatch } from '../../../common/routes/fits-match.ts';
import { requestPath } from '../../../common/routes/path-match.ts';
import { matchRoute } from '../../../common/routes/route-table.ts';
import type { RouteMatch } from '../../../common/routes/route.ts';
import { matchOf, routeOf, ruleOf, tableOf } from './sample-routes.ts';

const optional = <Value>(of: fc.Arbitrary<Value>) => fc.option(of, { nil: undefined });
const named = (names: readonly string[]) =>
  fc.uniqueArray(fc.record({ name: fc.constantFrom(...names), value: fc.constantFrom('1', '2') }), {
    maxLength: 2,
    selector: ({ name }) => name,
  });
const match: fc.Arbitrary<RouteMatch> = fc.record({
  path: optional(
    fc.record({
      type: fc.constantFrom('Exact', 'PathPrefix'),
      value: fc.constantFrom('/', '/a', '/a/', '/a/b', '/ab'),
    }),
  ),
  method: optional(fc.constantFrom('GET', 'PUT')),
  headers: named(['x-a', 'x-b']),
  queryParams: named(['p', 'q']),
});
const request = fc.record({
  method: fc.constantFrom('GET', 'PUT'),
  target: fc
    .tuple(
      fc.constantFrom('/', '/a', '/a/', '/a/b', '/ab', '/%61', '/a/b/c'),
      fc.constantFrom('', '?p=1', '?q=2&p=1', '?p=2&p=1'),
    )
    .map((parts) => parts.join('')),
  fields: fc.array(
    fc.tuple(fc.constantFrom('x-a', 'X-B'), fc.constantFrom('1', '2')) as fc.Arbitrary<
      [string, string]
    >,
    { maxLength: 2 },
  ),
});

/** Says in its own words which of two matches counts; 0 where the document decides. */
function compare(a: RouteMatch, b: RouteMatch): number {
  const isExact = (one: RouteMatch): number => Number(one.path?.type === 'Exact');
  if (isExact(a) !== isExact(b)) return isExact(b) - isExact(a);
  const length = ({ path }: RouteMatch): number =>
    path?.type === 'PathPrefix' ? path.value.replace(/\/$/, '').length : 0;
  if (length(a) !== length(b)) return length(b) - length(a);
  const hasMethod = (one: RouteMatch): number => Number(one.method !== undefined);
  if (hasMethod(a) !== hasMethod(b)) return hasMethod(b) - hasMethod(a);
  if (a.headers.length !== b.headers.length) return b.headers.length - a.headers.length;
  return b.queryParams.length - a.queryParams.length;
}

test('the match that is found fits, and is the first of those that do', (t) => {
  fc.assert(
    fc.property(fc.array(match, { minLength: 1, maxLength: 6 }), request, (matches, asked) => {
      const table = tableOf(routeOf(matches.map((one, at) => ruleOf(String(at), [one]))));
      const path = requestPath(asked.target) ?? '';
      const fitting = matches
        .map((one, at) => ({ one: matchOf(one), name: String(at) }))
        .filter(({ one }) => fitsMatch(one, asked, path))
        .toSorted((a, b) => compare(a.one, b.one));
      const choice = matchRoute(table, asked);
      t.is(choice.kind === 'matched' ? choice.rule.name : undefined, fitting[0]?.name);
    }),
    { numRuns: 5_000 },
  );
});

test('a match with one more condition fits no request that the other one does not', (t) => {
  fc.assert(
    fc.property(match, match, request, (one, other, asked) => {
      const path = requestPath(asked.target) ?? '';
      const both = {
        ...one,
        method: one.method ?? other.method,
        path: one.path ?? other.path,
        headers: [...one.headers, ...other.headers],
      };
      t.true(!fitsMatch(both, asked, path) || fitsMatch(one, asked, path));
    }),
    { numRuns: 2_000 },
  );
});
