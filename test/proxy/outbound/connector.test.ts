import test from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { connectToAddress, connectToService } from '../../../proxy/outbound/connector.ts';
import { EndpointHealth } from '../../../proxy/outbound/endpoint-health.ts';
import { OutboundError } from '../../../proxy/outbound/connector.ts';
import { TunnelError, type TunnelErrorCode } from '../../../proxy/tunnel/tunnel-error.ts';
import type { TunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import type { ByteStream } from '../../../proxy/stream/byte-stream.ts';
import type { DialTarget, Tunnel } from '../../../proxy/tunnel/tunnel.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const API = { namespace: 'shop', service: 'api', port: 8080 };

function endpoint(instanceId: string, addresses: Endpoint['addresses'], service = 'api'): Endpoint {
  return {
    instanceId,
    spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service }),
    addresses,
    proven: addresses,
    contests: [],
    hbonePort: 15_008,
    ports: [8080],
    anyPort: false,
  };
}

/** A connector whose tunnels are opened, or fail, as `answer` says; and the ways that it tried. */
function connector(
  endpoints: readonly Endpoint[],
  answer: (target: DialTarget) => TunnelErrorCode | 'ok',
) {
  const view = createMeshView();
  view.apply({ kind: 'snapshot', version: 1, endpoints });
  const tried: string[] = [];
  const pool: Pick<TunnelPool, 'open' | 'openStreams'> = {
    openStreams: () => 0,
    open(target, authority) {
      tried.push(`${authority} ${target.expect.service}`);
      const code = answer(target);
      if (code !== 'ok') return Promise.reject(new TunnelError(code, 'it did not work'));
      return Promise.resolve({ stream: {} as ByteStream, tunnel: {} as Tunnel });
    },
  };
  const { logger } = createLogRecorder();
  const health = new EndpointHealth({ clock: createManualClock(), random: () => 0 });
  const mayLog = (): boolean => true;
  const dependencies = {
    view,
    pool: pool as TunnelPool,
    health,
    logger,
    mayLog,
    random: () => 0,
  };
  return { dependencies, tried };
}

const { signal } = new AbortController();

test('an endpoint with several addresses is tried at each, the preferred one first', async (t) => {
  const { dependencies, tried } = connector(
    [endpoint('a', ['10.0.0.1', '10.1.0.1'])],
    ({ address }) => (address === '10.1.0.1' ? 'ok' : 'unreachable'),
  );
  const connected = await connectToService(API, dependencies, signal);
  t.is(connected.endpoint.instanceId, 'a');
  t.deepEqual(tried, ['10.0.0.1:8080 api', '10.1.0.1:8080 api']);
});

test('where several say that they are at an address, the certificate decides', async (t) => {
  const { dependencies, tried } = connector(
    [endpoint('l', ['172.17.0.2'], 'left'), endpoint('r', ['172.17.0.2'], 'right')],
    ({ expect }) => (expect.service === 'right' ? 'ok' : 'wrong-identity'),
  );
  const place = { address: '172.17.0.2', port: 8080 };
  const connected = await connectToAddress(place, dependencies, signal);
  t.is(connected.endpoint.instanceId, 'r');
  t.true(tried.includes('172.17.0.2:8080 right'));
  // It is known now who is healthy there.
  tried.length = 0;
  await connectToAddress(place, dependencies, signal);
  t.deepEqual(tried, ['172.17.0.2:8080 right']);
});

test('where another identity answers than the one that is proven there, claims are tried', async (t) => {
  const claimant = { ...endpoint('r', ['172.17.0.2'], 'right'), proven: [] };
  const place = { address: '172.17.0.2', port: 8080 };
  const proven = endpoint('l', ['172.17.0.2'], 'left');
  const there = connector([proven, claimant], ({ expect }) =>
    expect.service === 'right' ? 'ok' : 'wrong-identity',
  );
  const connected = await connectToAddress(place, there.dependencies, signal);
  t.is(connected.endpoint.instanceId, 'r');
  // Nobody is replaced by being down.
  const down = connector([proven, claimant], ({ expect }) =>
    expect.service === 'right' ? 'ok' : 'unreachable',
  );
  const error = await t.throwsAsync(connectToAddress(place, down.dependencies, signal), {
    instanceOf: TunnelError,
  });
  t.is(error.code, 'unreachable');
  t.deepEqual(down.tried, ['172.17.0.2:8080 left']);
  const alone = connector([proven], () => 'wrong-identity');
  await t.throwsAsync(connectToAddress(place, alone.dependencies, signal), {
    instanceOf: TunnelError,
    message: 'it did not work',
  });
});

test('a crowd of instances that claim an address does not hide who is there', async (t) => {
  const crowd = Array.from({ length: 50 }, (_, at) => endpoint(`x${at}`, ['10.0.0.9'], 'evil'));
  const { dependencies, tried } = connector(
    [...crowd, endpoint('a', ['10.0.0.9'])],
    ({ expect }) => (expect.service === 'api' ? 'ok' : 'wrong-identity'),
  );
  await connectToAddress({ address: '10.0.0.9', port: 8080 }, dependencies, signal);
  t.deepEqual(tried, ['10.0.0.9:8080 evil', '10.0.0.9:8080 api']);
});

test('only who is at the address and serves the port is tried', async (t) => {
  const { dependencies, tried } = connector([endpoint('a', ['10.0.0.1'])], () => 'ok');
  for (const place of [
    { address: '10.0.0.1', port: 22 },
    { address: '10.0.0.2', port: 8080 },
  ]) {
    const error = await t.throwsAsync(connectToAddress(place, dependencies, signal), {
      instanceOf: OutboundError,
    });
    t.is(error.code, 'no-endpoint');
  }
  t.deepEqual(tried, []);
});

test('a refusal by policy is not asked for again elsewhere', async (t) => {
  const endpoints = [endpoint('a', ['10.0.0.1']), endpoint('b', ['10.0.0.2'])];
  const { dependencies, tried } = connector(endpoints, () => 'denied');
  const error = await t.throwsAsync(connectToService(API, dependencies, signal), {
    instanceOf: TunnelError,
  });
  t.is(error.code, 'denied');
  t.is(tried.length, 1);
});
