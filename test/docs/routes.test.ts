/** docs/routes.md: its examples are documents that say what the page says, its tables are the schema's. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { ROUTES_KEYS } from '../../common/mesh-config/routes/section.ts';
import { DEFAULT_BACKEND_POLICY } from '../../common/routes/backend-policy.ts';
import { matchRoute, routeTable } from '../../common/routes/route-table.ts';
import { tableOf } from './markdown.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/routes.md'), 'utf8');
const EXAMPLES = [...PAGE.matchAll(/```yaml\n([^]*?)```/g)].map(
  ([, text = '']) => readMeshConfig(text, 'mesh.yaml').routes,
);
const TABLES = ['Routes and rules', 'Keys of filters', 'Backends'];

test('docs/routes.md explains every key, and no other', (t) => {
  const explained = TABLES.flatMap((heading) => tableOf('routes.md', heading).map(([key]) => key));
  const lists = ['http', 'grpc', 'backends'];
  t.deepEqual(
    [...new Set([...explained, ...lists])].toSorted(),
    [...ROUTES_KEYS].toSorted() as (string | undefined)[],
  );
});

test('the example of docs/routes.md routes as it says', (t) => {
  const [canary, grpc, backends] = EXAMPLES;
  t.is(EXAMPLES.length, 3);
  const table = canary && routeTable(canary, { namespace: 'shop', service: 'api', port: 8080 });
  const ruleFor = (...fields: [string, string][]) => {
    const choice = table && matchRoute(table, { method: 'GET', target: '/', fields });
    return choice?.kind === 'matched' ? choice.rule : undefined;
  };
  t.like(ruleFor(['X-Canary', 'always']), { name: 'testers' });
  t.like(ruleFor(), { name: 'canary', retry: { attempts: 2 } });
  t.deepEqual(
    ruleFor()?.backends.map(({ service, weight }) => `${service} ${weight}`),
    ['api 90', 'api-v2 10'],
  );
  t.like(grpc?.routes[0], { kind: 'grpc', name: 'orders' });
  t.like(backends?.backends[0], { appProtocol: 'h2c', loadBalancer: 'LeastRequest' });
});

test('the defaults of docs/routes.md are those of the schema', (t) => {
  const { outlierDetection, circuitBreaker, retryConstraint } = DEFAULT_BACKEND_POLICY;
  const defaults = Object.fromEntries(
    tableOf('routes.md', 'Backends').map(([key = '', text = '']) => [
      key,
      /default (\d+)/.exec(text)?.[1],
    ]),
  );
  t.like(defaults, {
    consecutive5xxErrors: `${outlierDetection.consecutive5xxErrors}`,
    baseEjectionTime: `${outlierDetection.baseEjectionTimeMs / 1_000}`,
    maxEjectionPercent: `${outlierDetection.maxEjectionPercent}`,
    maxParallelRequests: `${circuitBreaker.maxParallelRequests}`,
    maxPendingRequests: `${circuitBreaker.maxPendingRequests}`,
    budget: `${retryConstraint.budget.percent}`,
    minRetryRate: `${retryConstraint.minRetryRate.count}`,
  });
});
