import test from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { EndpointHealth } from '../../../proxy/outbound/endpoint-health.ts';
import { warmUpstreams } from '../../../proxy/outbound/warm-upstreams.ts';
import type { DialTarget } from '../../../proxy/tunnel/tunnel.ts';
import type { TunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

function endpoint(
  service: string,
  ports: readonly number[],
  namespace = 'shop',
  instance = '',
): Endpoint {
  return {
    instanceId: `${service}-${namespace}-${ports.join('-')}${instance}`,
    spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace, service }),
    addresses: ['10.0.0.1'],
    proven: [],
    contests: [],
    hbonePort: 15_008,
    ports,
    anyPort: false,
  };
}

const upstream = (service: string, port: number) => ({
  target: { namespace: 'shop', service, port },
});

test('endpoints that serve a port of an upstream get a tunnel, and no others', (t) => {
  const view = createMeshView();
  const warmed: string[] = [];
  const forgotten: string[] = [];
  const pool = {
    warm: ({ expect }) => warmed.push(expect.service) > 0,
    forget: ({ expect }) => void forgotten.push(expect.service),
  } satisfies Pick<TunnelPool, 'warm' | 'forget'> as unknown as TunnelPool;
  const health = new EndpointHealth({ clock: createManualClock(0), random: () => 0 });
  const api = endpoint('api', [8080]);
  view.apply({ kind: 'snapshot', version: 1, endpoints: [api, endpoint('other', [8080])] });
  const upstreams = [upstream('api', 80), upstream('api', 8080), upstream('db', 5432)];
  const warming = warmUpstreams(upstreams, { view, pool, health });
  t.deepEqual(warmed, ['api']);
  const upserted = [endpoint('db', [80]), endpoint('db', [5432], 'staging')];
  view.apply({ kind: 'delta', version: 2, upserted, removed: [] });
  t.deepEqual(warmed, ['api'], 'another port, another namespace');
  view.apply({
    kind: 'delta',
    version: 3,
    upserted: [endpoint('db', [5432])],
    removed: ['api-shop-8080'],
  });
  t.deepEqual(warmed, ['api', 'db']);
  t.deepEqual(forgotten, ['api']);
  void warming.close();
});

/** Upstreams a, b, c and d, and a pool that keeps so many ready. */
function setUpLimited(limit: number) {
  const ready = new Set<string>();
  const keyOf = ({ expect }: DialTarget): string => expect.service;
  const pool = {
    warm: (target) =>
      (ready.has(keyOf(target)) || ready.size < limit) && ready.add(keyOf(target)).size > 0,
    forget: (target) => void ready.delete(keyOf(target)),
  } satisfies Pick<TunnelPool, 'warm' | 'forget'> as unknown as TunnelPool;
  const health = new EndpointHealth({ clock: createManualClock(0), random: () => 0 });
  const view = createMeshView();
  const upstreams = ['a', 'b', 'c', 'd'].map((service) => upstream(service, 80));
  warmUpstreams(upstreams, { view, pool, health });
  let version = 0;
  const change = (upserted: readonly Endpoint[], removed: readonly string[] = []): string[] => {
    view.apply({ kind: 'delta', version: (version += 1), upserted, removed });
    return [...ready];
  };
  return { ready, change };
}

test('where as many are ready as may be, what comes as another goes takes its place', (t) => {
  const { change } = setUpLimited(1);
  t.deepEqual(change([endpoint('a', [80])]), ['a']);
  t.deepEqual(change([endpoint('b', [80])], ['a-shop-80']), ['b']);
  const restarted = endpoint('b', [80], 'shop', '-2');
  t.deepEqual(change([restarted], ['b-shop-80']), ['b'], 'also at the same address');
});

test('the place of an endpoint that has gone is that of the first that had none, if it is still there', (t) => {
  const { ready, change } = setUpLimited(1);
  t.deepEqual(change(['a', 'b', 'c', 'd'].map((service) => endpoint(service, [80]))), ['a']);
  t.deepEqual(change([endpoint('c', [81])], ['b-shop-80']), ['a']);
  t.deepEqual(change([], ['a-shop-80', 'c-shop-80']), ['d']);
  // One that was idle does not get it back.
  ready.clear();
  t.deepEqual(change([], ['c-shop-81']), []);
});
