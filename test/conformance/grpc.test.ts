/**
 * Clients and servers of gRPC in Go and in Python, each with each: calls of all kinds come to the same through a gateway
 * and through a route in the caller's sidecar. `npm run test:peers` fetches what they need, and runs this.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { status as GRPC } from '@grpc/grpc-js';
import type { ExecutionContext } from 'ava';
import {
  callGrpcPeer,
  startGrpcPeer,
  type CallOutcome,
  type GrpcPeer,
  type GrpcPeerTarget,
} from '../helpers/clients/grpc-peer/grpc-peer.ts';
import { requiresPeer } from '../helpers/machine/requirements.ts';
import { createTestAuthority } from '../helpers/mesh/test-authority.ts';
import { certificateFiles } from '../proxy/gateway/certificate-files.ts';
import { openGatewayUnderTest } from '../proxy/gateway/gateway-under-test.ts';
import { startRoutedMesh } from '../scenarios/routes/routed-mesh.ts';

const PEERS: readonly GrpcPeer[] = ['grpc-go', 'grpc-python'];

const OK: CallOutcome = { messages: [], header: {}, code: GRPC.OK, details: '', trailers: {} };

const EXPECTED: Readonly<Record<string, CallOutcome>> = {
  unary: {
    ...OK,
    messages: ['hello'],
    header: { 'x-said': ['a,b'] },
    trailers: { 'x-length': ['5'], 'x-raw-bin': ['00ff'] },
  },
  denied: {
    ...OK,
    code: GRPC.PERMISSION_DENIED,
    details: 'nö, 100%',
    trailers: { 'x-why': ['rule'] },
  },
  broken: { ...OK, messages: ['one'], code: GRPC.DATA_LOSS, details: 'it broke' },
  unknown: { ...OK, code: GRPC.UNIMPLEMENTED },
  serverStream: { ...OK, messages: Array.from({ length: 100 }, (_, at) => String(at)) },
  clientStream: { ...OK, messages: ['1000003'] },
  bidirectional: { ...OK, messages: ['one', 'two', '', 'end'] },
  deadline: { ...OK, messages: ['begun'], code: GRPC.DEADLINE_EXCEEDED },
  cancelled: { ...OK, messages: ['begun'], code: GRPC.CANCELLED },
  // The server saw the end of both.
  ended: { ...OK, messages: ['2'] },
};

/** Each implementation has its own words for these. */
const OWN_WORDS: ReadonlySet<string> = new Set(['unknown', 'deadline', 'cancelled']);

/**
 * A server in Go that is the first to notice a deadline resets the call with CANCEL. Directly too, clients in Python take that for
 * CANCELLED where their own deadline has not passed yet.
 */
function isNoticedFirst(client: GrpcPeer, name: string, { code }: CallOutcome): boolean {
  return client === 'grpc-python' && name === 'deadline' && code === GRPC.CANCELLED;
}

async function expectAll(
  t: ExecutionContext,
  client: GrpcPeer,
  target: GrpcPeerTarget,
): Promise<void> {
  const outcomes = Object.entries(await callGrpcPeer(client, target)).map(([name, outcome]) => [
    name,
    {
      ...outcome,
      ...(OWN_WORDS.has(name) && { details: '' }),
      ...(isNoticedFirst(client, name, outcome) && { code: GRPC.DEADLINE_EXCEEDED }),
    },
  ]);
  t.deepEqual(Object.fromEntries(outcomes), EXPECTED, `${client} calls ${target.authority}`);
}

requiresPeer(...PEERS)('calls pass through a gateway with TLS in front', async (t) => {
  t.timeout(120_000);
  const authority = createTestAuthority();
  const names = PEERS.map((peer) => `${peer}.example.com`);
  const certificate = authority.workload('edge', 'www', { dnsNames: names });
  for (const server of PEERS) {
    const gateway = await openGatewayUnderTest(t, {
      listeners: `
  - name: grpc
    listen: '127.0.0.1:0'
    protocol: HTTPS
    tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}
    routes: [{backend: '${server}:50051', appProtocol: h2c}]
`,
      services: { [server]: await startGrpcPeer(t, server) },
      files: certificateFiles('www', certificate),
    });
    const roots = path.join(gateway.directory, 'root.pem');
    await writeFile(roots, authority.root.certificate.toString());
    for (const client of PEERS) {
      const target = { port: gateway.port('grpc'), authority: `${server}.example.com`, roots };
      await expectAll(t, client, target);
    }
    t.is(gateway.mistakes() ?? 0, 0);
  }
});

const ROUTES = `routes:
  namespace: default
  grpc:
    - {name: go, parentRefs: [{name: grpc-go, port: 80}]}
    - {name: python, parentRefs: [{name: grpc-python, port: 80}]}
`;

requiresPeer(...PEERS)('calls pass through a route in the sidecar of their caller', async (t) => {
  t.timeout(120_000);
  const { ports, apply, endpoint, knows, caller } = await startRoutedMesh(t, PEERS);
  await apply(ROUTES);
  for (const [at, server] of PEERS.entries()) {
    await endpoint(server, await startGrpcPeer(t, server));
    await knows(server, 1);
    for (const client of PEERS) {
      await expectAll(t, client, { port: ports[at] ?? 0, authority: server });
    }
  }
  const samples = await caller.metrics();
  t.is(samples.sum('hauberk_route_requests_total'), 40, 'they went by the routes');
  t.is(samples.sum('hauberk_route_requests_active'), 0);
});
