import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import { Registry } from 'prom-client';
import { OPEN_POLICY, type Policy } from '../../../common/authorization/policy.ts';
import { systemClock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { HOST_NETWORK } from '../../../common/network/network.ts';
import { spiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { createExposure } from '../../../proxy/workload/exposure.ts';
import type { SourceOf } from '../../../proxy/inbound/source-address.ts';
import { createInbound } from '../../../proxy/inbound/inbound.ts';
import { withRequestsObserved } from '../../../proxy/http/observe/observed-metrics.ts';
import { MemoryBudget } from '../../../proxy/http2/memory-budget.ts';
import { createProxyMetrics } from '../../../proxy/metrics/proxy-metrics.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';
import { localAllowances } from '../../../proxy/config/sidecar.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import type { IncomingStream } from '../../../proxy/tunnel/tunnel.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { parseMetrics } from '../../helpers/metric-samples.ts';
import type { ByteStream } from '../../../proxy/stream/byte-stream.ts';
import { FakeStream } from '../stream/fake-stream.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

export const self = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' });
export const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });

/** What an odd destination makes the program throw. */
export const MISTAKE = new Error('a mistake of the program');

/** An inbound side whose port 8080 leads to the given local port, and what it did with a stream. */
export function inboundTo(
  appPort: number,
  mesh: Policy | undefined = OPEN_POLICY,
  forwardClientCert: readonly number[] = [],
  sourceOf?: SourceOf,
) {
  const registry = new Registry();
  const counted = createProxyMetrics(registry);
  const { logger, of } = createLogRecorder();
  const exposure = createExposure({
    ports: [{ port: 8080, target: { address: '127.0.0.1', port: appPort } }],
    anyPort: false,
    isReserved: () => false,
    localFor(address) {
      if (address === '10.0.0.66') throw MISTAKE;
      return address === '10.0.0.7' ? address : undefined;
    },
  });
  const allow = [{ port: 2379, service: 'client', namespace: undefined }];
  const policies = createPolicySource(
    self,
    localPolicy(localAllowances({ allow, namespace: 'shop' })),
  );
  if (mesh !== undefined)
    policies.set({ configVersion: 1, policy: mesh, egress: NO_EGRESS, routes: NO_ROUTES });
  const clock = systemClock;
  const guard = createGuard({ clock, logger });
  const metrics = withRequestsObserved(counted, { clock, guard, opaquePorts: [] });
  const workload = { id: self, policies, exposure, metrics, network: HOST_NETWORK };
  const memory = new MemoryBudget(1024 * 1024);
  const { serve: handle, drain } = createInbound({
    workload,
    clock,
    logger,
    guard,
    memory,
    forwardClientCert,
    ...(sourceOf && { sourceOf }),
  });
  return {
    policies,
    of,
    handle,
    drain,
    errors: () => guard.counts().get('inbound'),
    refusals: () => of('stream-refused'),
    failed: async () => parseMetrics(await registry.metrics()),
    /** Resolves with the status, or with the stream when it was accepted. */
    open(
      stream: { authority: string; peer?: SpiffeId; address?: string },
      accepted: ByteStream = new FakeStream(),
    ) {
      const { promise, resolve } = Promise.withResolvers<number | ByteStream>();
      const incoming: IncomingStream = {
        peer: stream.peer ?? web,
        address: stream.address ?? '192.0.2.7',
        authority: stream.authority,
        signal: new AbortController().signal,
        accept() {
          resolve(accepted);
          return accepted;
        },
        refuse: resolve,
      };
      handle(incoming);
      return promise;
    },
  };
}

/** An application that accepts connections. */
export async function listeningApp(t: ExecutionContext) {
  const app = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  t.teardown(() => app.close());
  await once(app, 'listening');
  return { app, port: (app.address() as AddressInfo).port };
}
