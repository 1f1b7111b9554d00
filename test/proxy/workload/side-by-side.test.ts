/**
 * Three workloads in one process: web and job both call api, which lets web in alone. Each has its own
 * network (an address of the loopback), identity, tunnels, policy and metrics, and none notices the others.
 */
import { once } from 'node:events';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';
import { OPEN_POLICY } from '../../../common/authorization/policy.ts';
import { systemClock as clock } from '../../../common/clock.ts';
import { readSettings } from '../../../common/config/read-settings.ts';
import { createGuard } from '../../../common/guard.ts';
import { HOST_NETWORK, type Network } from '../../../common/network/network.ts';
import { localAllowances, PROXY_SETTINGS } from '../../../proxy/config/sidecar.ts';
import { rememberDeparted } from '../../../proxy/discovery/departed.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import { TUNNEL_MEMORY } from '../../../proxy/tunnel/tunnel-memory.ts';
import { openDataPath } from '../../../proxy/wiring/data-path.ts';
import { Tap } from '../../../proxy/traffic/tap.ts';
import { createWorkload } from '../../../proxy/workload/workload.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createTestAuthority, type TestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createIdentity, sample, startApp } from '../tunnel/harness.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

/** Makes sockets at one address, and says where each led or listens. */
function networkAt(localAddress: string) {
  const made: string[] = [];
  const network: Network = {
    async listen(target, onConnection) {
      made.push(`listen ${target.name}`);
      return await HOST_NETWORK.listen({ ...target, host: localAddress }, onConnection);
    },
    connect(options) {
      made.push(`connect ${options.port}`);
      return HOST_NETWORK.connect({ ...options, localAddress });
    },
    connectTls(options) {
      made.push(`tls ${options.port}`);
      return HOST_NETWORK.connectTls({ ...options, localAddress } as typeof options);
    },
  };
  return { network, made };
}

/** One workload of `shop`, with everything that carries its connections. */
async function start(
  t: ExecutionContext,
  authority: TestAuthority,
  { service, address, flags }: { service: string; address: string; flags: readonly string[] },
) {
  const spec = { name: 'hauberk proxy', summary: '', settings: PROXY_SETTINGS };
  const argv = [`--service=${service}`, '--namespace=shop', '--hbone-listen=127.0.0.1:0', ...flags];
  const request = readSettings(spec, argv, {});
  if (request.kind !== 'run') throw new Error('expected settings');
  const config = request.settings;
  const identity = createIdentity(authority, service);
  const policies = createPolicySource(
    identity.current().spiffeId,
    localPolicy(localAllowances(config)),
  );
  policies.set({ configVersion: 1, policy: OPEN_POLICY, egress: NO_EGRESS, routes: NO_ROUTES });
  const registry = new Registry();
  const { logger, of } = createLogRecorder();
  const { network, made } = networkAt(address);
  const metrics = createProxyMetrics(registry);
  const workload = createWorkload({
    identity,
    policies,
    metrics,
    network,
    config,
    ownPorts: [],
    clock,
    logger,
  });
  const guard = createGuard({ clock, logger });
  const { signal } = new AbortController();
  const runtime = { clock, logger, guard, random: () => 0.5, signal, memory: TUNNEL_MEMORY };
  const view = createMeshView();
  const path = await openDataPath({
    workload,
    config,
    runtime,
    view,
    departed: rememberDeparted(view, clock),
    needs: { gatewayServices: () => Promise.resolve(), address: () => {} },
    registry,
    tap: new Tap({ self: workload.id, clock }),
    gateway: undefined,
  });
  t.teardown(() => path.close());
  const upstream = (): number => {
    const line = of('listening').find(({ listener }) => listener === 'upstream');
    return Number(line?.['port']);
  };
  return { path, view, identity, registry, made, of, upstream, workload };
}

test('workloads in one process have connections, identities, policies and counts of their own', async (t) => {
  const authority = createTestAuthority();
  const app = await startApp(t, (socket) => void socket.end('from the api'));
  const expose = `--expose=8080=127.0.0.1:${app.port}`;
  const api = await start(t, authority, {
    service: 'api',
    address: '127.0.0.4',
    flags: [expose, '--allow=8080=web'],
  });
  const upstream = '--upstream=127.0.0.1:0=api:8080';
  const [web, job] = await Promise.all([
    start(t, authority, { service: 'web', address: '127.0.0.2', flags: [upstream] }),
    start(t, authority, { service: 'job', address: '127.0.0.3', flags: [upstream] }),
  ]);
  const endpoint = {
    instanceId: 'api-1',
    spiffeId: api.workload.id,
    addresses: ['127.0.0.4'],
    proven: ['127.0.0.4'],
    contests: [],
    hbonePort: api.path.hbonePort,
    ports: [8080],
    anyPort: false,
  } as const;
  for (const { view } of [web, job]) {
    view.apply({ kind: 'snapshot', version: 1, endpoints: [endpoint] });
  }
  const call = async (host: string, port: number): Promise<string> => {
    const socket = net.connect({ host, port });
    const answer = once(socket, 'data').then(String, () => 'reset');
    return await within('an answer or an end', answer).finally(() => socket.destroy());
  };
  t.is(await call('127.0.0.2', web.upstream()), 'from the api');
  t.is(await call('127.0.0.3', job.upstream()), 'reset');

  // Each went to the same place by a tunnel of its own, with its own certificate.
  const tls = `tls ${api.path.hbonePort}`;
  t.deepEqual(
    [web.made, job.made],
    [
      ['listen HBONE', 'listen upstream', tls],
      ['listen HBONE', 'listen upstream', tls],
    ],
  );
  t.deepEqual(api.made, ['listen HBONE', `connect ${app.port}`]);
  const refusals = api.of('stream-refused').map(({ peer }) => peer);
  t.deepEqual(refusals, [job.workload.id.uri]);

  const failed = 'hauberk_connections_failed_total';
  const opened = 'hauberk_connections_opened_total';
  const counts = async (name: string) =>
    await Promise.all([web, job, api].map(({ registry }) => sample(registry, name)));
  t.deepEqual(await counts(failed), [0, 1, 1]);
  t.deepEqual(await counts(opened), [1, 0, 1]);

  // A certificate that is renewed replaces the tunnel of its workload alone.
  web.identity.renew();
  await eventually('the tunnel is replaced', () => web.made.length === 4 || undefined);
  t.is(job.made.length, 3);
});
