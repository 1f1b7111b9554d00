/** A connection for a program of this process, when the system does not give what it takes. */
import test from 'ava';
import { Registry } from 'prom-client';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { EndpointHealth } from '../../../proxy/outbound/endpoint-health.ts';
import { openConnection } from '../../../proxy/outbound/open-connection.ts';
import type { TunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import type { Tunnel } from '../../../proxy/tunnel/tunnel.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';

const API = { namespace: 'shop', service: 'api', port: 8080 };

test('a stream that nobody can carry is reset, and the failure is counted', async (t) => {
  const view = createMeshView();
  const addresses = ['10.0.0.1'] as const;
  const endpoint = {
    instanceId: 'a',
    spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' }),
    addresses,
    proven: addresses,
    contests: [],
    hbonePort: 15_008,
    ports: [8080],
    anyPort: false,
  };
  view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint] });
  const givenUp = new AbortController();
  let resets = 0;
  const stream = {
    relay: () => Promise.reject(new Error('it is not carried')),
    reset: () => void (resets += 1),
  };
  const pool: Pick<TunnelPool, 'open' | 'openStreams'> = {
    openStreams: () => 0,
    open() {
      // The peer has accepted; in this moment there is no way on.
      givenUp.abort(new Error('too late'));
      return Promise.resolve({ stream, tunnel: {} as Tunnel });
    },
  };
  const registry = new Registry();
  const clock = createManualClock();
  const dependencies = {
    view,
    pool: pool as TunnelPool,
    health: new EndpointHealth({ clock, random: () => 0 }),
    clock,
    logger: createLogRecorder().logger,
    metrics: createProxyMetrics(registry),
    mayLog: () => true,
    random: () => 0,
    trustDomain: 'mesh.local',
  };
  await t.throwsAsync(openConnection(API, dependencies, givenUp.signal), { message: 'too late' });
  t.is(resets, 1);
  const metrics = parseMetrics(await registry.metrics());
  t.is(metrics.sum('hauberk_connections_failed_total', { reason: 'timeout' }), 1);
  t.is(metrics.sum('hauberk_connections_open'), 0);
});
