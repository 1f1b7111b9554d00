import test from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { EndpointHealth } from '../../../proxy/outbound/endpoint-health.ts';
import { warmUpstreams } from '../../../proxy/outbound/warm-upstreams.ts';
import type { TunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

function endpoint(service: string, ports: readonly number[], namespace = 'shop'): Endpoint {
  return {
    instanceId: `${service}-${namespace}-${ports.join('-')}`,
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
    warm: ({ expect }) => void warmed.push(expect.service),
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
