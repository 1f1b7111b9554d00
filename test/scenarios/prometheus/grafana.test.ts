/**
 * Each query of each panel of the dashboards for Grafana is asked of the real Prometheus, which scrapes a real mesh with
 * traffic, a gateway and failures: none is refused, and none returns nothing.
 */
import { eventually } from '../../helpers/deadline.ts';
import { type ObservedMesh, startObservedMesh } from '../../helpers/prometheus/observed-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';
import { DASHBOARDS } from '../../../tools/grafana/dashboards.ts';

const { serial: test } = requires('prometheus');
const scope = fileScope();

/** One mesh for all tests of this file. */
let starting: Promise<ObservedMesh> | undefined;
const shared = (): Promise<ObservedMesh> => (starting ??= startObservedMesh(scope));

/** What Grafana puts in for its own variables, and a person chooses for ours. */
const OWN: Readonly<Record<string, string>> = { __rate_interval: '30s', __range: '1h' };
const CHOSEN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  service: { namespace: 'shop', service: 'api' },
  gateway: { namespace: 'default', service: 'edge' },
};

test('no query of a panel returns nothing', async (t) => {
  t.timeout(300_000);
  const { prometheus } = await shared();
  const missing: string[] = [];
  for (const { name, rows } of DASHBOARDS) {
    const values = { ...OWN, ...CHOSEN[name] };
    for (const { title, queries } of rows.flatMap(({ panels }) => panels)) {
      for (const [expression] of queries) {
        const asked = Object.entries(values).reduce(
          (text, [variable, value]) => text.replaceAll(`$${variable}`, value),
          expression,
        );
        const isThere = eventually(
          `${name}, ${title}: ${asked}`,
          async () => ((await prometheus.query(asked)).length > 0 ? true : undefined),
          20_000,
        );
        await isThere.catch((error: unknown) => missing.push(String(error)));
      }
    }
  }
  t.deepEqual(missing, []);
});

test('what a person can choose is there', async (t) => {
  t.timeout(300_000);
  const { prometheus } = await shared();
  const chosen = await prometheus.query('group by (role, namespace, service) (hauberk_build_info)');
  const names = new Set(
    chosen.map(({ metric }) => [metric['role'], metric['namespace'], metric['service']].join(' ')),
  );
  for (const [name, { namespace = '', service = '' }] of Object.entries(CHOSEN)) {
    const { role = '' } = DASHBOARDS.find((dashboard) => dashboard.name === name) ?? {};
    t.true(names.has(`${role} ${namespace} ${service}`), name);
  }
});
