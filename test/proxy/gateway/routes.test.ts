/** Which route is for a request: a pure choice, which does not depend on the order of the routes. */
import test from 'ava';
import fc from 'fast-check';
import { routeByHost, routeRequest } from '../../../proxy/gateway/routes.ts';

const hostname = fc.constantFrom(
  'example.com',
  'a.example.com',
  '*.example.com',
  '*.a.example.com',
  '*.com',
  'b.org',
);
const host = fc.constantFrom(
  'example.com',
  'a.example.com',
  'b.a.example.com',
  'b.org',
  'c.org',
  undefined,
);
const prefix = fc.constantFrom('/', '/a', '/a/b', '/ab');
const path = fc.constantFrom('/', '/a', '/a/', '/a/b', '/a/bc', '/ab', '/b');
const routes = fc
  .uniqueArray(
    fc.record({ hostname: fc.option(hostname, { nil: undefined }), pathPrefix: prefix }),
    { selector: ({ hostname: name, pathPrefix }) => `${name} ${pathPrefix}`, maxLength: 10 },
  )
  .map((all) =>
    all.map(({ hostname: name, pathPrefix }) => ({
      hostnames: name === undefined ? [] : [name],
      pathPrefix,
    })),
  );

test('the order of different routes does not matter', (t) => {
  fc.assert(
    fc.property(routes, host, path, (all, name, where) => {
      t.deepEqual(routeRequest(all, name, where), routeRequest(all.toReversed(), name, where));
    }),
  );
});

test('the route that is chosen fits, and none that fits is more exact', (t) => {
  fc.assert(
    fc.property(routes, host, path, (all, name, where) => {
      const fits = all.filter(({ hostnames: [own], pathPrefix }) => {
        const hostFits =
          own === undefined ||
          own === name ||
          (own.startsWith('*.') && name !== undefined && name.endsWith(own.slice(1)));
        return hostFits && `${where}/`.startsWith(pathPrefix === '/' ? '/' : `${pathPrefix}/`);
      });
      const rank = ({ hostnames: [own], pathPrefix }: (typeof fits)[number]): readonly number[] => [
        own === undefined ? 0 : own.startsWith('*') ? 1 : 2,
        own?.length ?? 0,
        pathPrefix.length,
      ];
      const chosen = routeRequest(all, name, where);
      if (chosen === undefined) {
        t.is(fits.length, 0);
        return;
      }
      t.true(fits.includes(chosen));
      const best = fits.map(rank).toSorted((a, b) => {
        const at = a.findIndex((value, index) => value !== b[index]);
        return at < 0 ? 0 : (b[at] ?? 0) - (a[at] ?? 0);
      });
      t.deepEqual(rank(chosen), best[0]);
    }),
  );
});

test('a connection without a server name is for routes that are for all', (t) => {
  const one = { hostnames: ['a.example.com'] };
  const all = { hostnames: [] };
  t.is(routeByHost([one, all], undefined), all);
  t.is(routeByHost([one, all], 'a.example.com'), one);
  t.is(routeByHost([one], undefined), undefined);
});
