/** A connection for a program of this process: what becomes of its metrics, and of a stream that breaks. */
import test from 'ava';
import { Registry } from 'prom-client';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { EndpointHealth } from '../../../proxy/outbound/endpoint-health.ts';
import { openConnection } from '../../../proxy/outbound/open-connection.ts';
import type { ByteStream } from '../../../proxy/stream/byte-stream.ts';
import { TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import type { TunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import type { Tunnel } from '../../../proxy/tunnel/tunnel.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';
import { FakeStream } from '../stream/fake-stream.ts';

const API = { namespace: 'shop', service: 'api', port: 8080 };

/** A way to one endpoint, at which `stream` is opened. */
function outboundTo(stream: () => FakeStream) {
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
  const pool: Pick<TunnelPool, 'open' | 'openStreams'> = {
    openStreams: () => 0,
    open: async () => Promise.resolve({ stream: stream(), tunnel: {} as Tunnel }),
  };
  const registry = new Registry();
  const clock = createManualClock();
  const { logger } = createLogRecorder();
  const random = (): number => 0;
  const health = new EndpointHealth({ clock, random });
  const finding = { view, pool: pool as TunnelPool, health, random };
  const dependencies = {
    connector: { ...finding, logger, mayLog: () => true },
    clock,
    metrics: createProxyMetrics(registry),
    trustDomain: 'mesh.local',
  };
  return {
    open: (signal: AbortSignal) => openConnection(API, dependencies, signal),
    metrics: async () => parseMetrics(await registry.metrics()),
  };
}

/** What a program hears of its connection. */
function listenTo(connection: ByteStream): string[] {
  const heard: string[] = [];
  connection.attach({
    data(chunk) {
      heard.push(chunk.toString());
      return true;
    },
    end: () => void heard.push('end'),
    written: (bytes) => void heard.push(`written ${bytes}`),
    spare() {},
    closed: (how) => void heard.push(`closed ${how}`),
  });
  connection.start();
  return heard;
}

test('a connection is counted until its stream has ended, with its bytes', async (t) => {
  const stream = new FakeStream();
  const { open, metrics } = outboundTo(() => stream);
  const { stream: connection, peer } = await open(AbortSignal.timeout(45_000));
  t.is(peer, 'spiffe://mesh.local/ns/shop/sa/api');
  const heard = listenTo(connection);
  connection.write(Buffer.from('ask'));
  connection.end();
  stream.data('answer');
  t.is((await metrics()).sum('hauberk_connections_open'), 1);
  stream.finish();
  t.deepEqual(heard, ['written 3', 'answer', 'end', 'closed ended']);
  const counted = await metrics();
  t.is(counted.sum('hauberk_connections_open'), 0);
  t.is(counted.sum('hauberk_connections_closed_total', { reason: 'complete' }), 1);
  t.is(counted.sum('hauberk_bytes_sent_total'), 3);
  t.is(counted.sum('hauberk_bytes_received_total'), 6);
});

test('a tunnel that is lost before the first byte is an error, and counted', async (t) => {
  const { open, metrics } = outboundTo(() => new FakeStream((one) => one.closeAs('lost')));
  const { stream: connection } = await open(AbortSignal.timeout(45_000));
  t.deepEqual(listenTo(connection), ['closed lost']);
  const counted = await metrics();
  t.is(counted.sum('hauberk_connections_closed_total', { reason: 'tunnel-lost' }), 1);
  t.is(counted.sum('hauberk_connections_open'), 0);
});

test('a connection that its program breaks off is counted as such', async (t) => {
  const stream = new FakeStream();
  const { open, metrics } = outboundTo(() => stream);
  const { stream: connection } = await open(AbortSignal.timeout(45_000));
  connection.reset();
  t.deepEqual(stream.calls, ['reset']);
  const counted = await metrics();
  t.is(counted.sum('hauberk_connections_closed_total', { reason: 'app-reset' }), 1);
});

test('a stream that is not opened in time is a failure that is counted as such', async (t) => {
  const late = new AbortController();
  const { open, metrics } = outboundTo(() => {
    late.abort(new Error('too late'));
    throw new TunnelError('aborted', 'it was given up');
  });
  await t.throwsAsync(open(late.signal), { code: 'aborted' });
  const counted = await metrics();
  t.is(counted.sum('hauberk_connections_failed_total', { reason: 'timeout' }), 1);
  t.is(counted.sum('hauberk_connections_open'), 0);
});
