/** docs/errors.md explains every code that logs, metrics and trailers can name, and no other. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { BUDGET_REFUSALS } from '../../common/budget/budget-error.ts';
import { HTTP_REFUSALS } from '../../common/metrics/http-refusals.ts';
import { CONNECTION_FAILURES, REFUSALS } from '../../common/rpc/rpc-error.ts';
import { HANDSHAKE_FAILURES } from '../../control-plane/api/handshake-failure.ts';
import { HANDSHAKE_REFUSALS } from '../../proxy/tunnel/peer-check.ts';
import { TUNNEL_ENDS } from '../../proxy/tunnel/tunnel.ts';
import { REQUEST_REFUSALS } from '../../proxy/routes/requests/refusals.ts';
import { tableOf } from './markdown.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The string literals of a union in the sources: between the text that begins it and the end mark. */
function unionOf(file: string, begin: string, end = ';'): string[] {
  const source = readFileSync(join(ROOT, file), 'utf8').replace(/\/\*.*?\*\/|\/\/[^\n]*/gs, '');
  const from = source.indexOf(begin);
  if (from < 0) throw new Error(`${file} has no "${begin}"`);
  const text = source.slice(from + begin.length, source.indexOf(end, from + begin.length));
  const codes = [...text.matchAll(/'([a-z-]+)'/g)];
  return codes.map(([, code = '']) => code);
}

const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  'The control plane refuses': REFUSALS,
  'The control plane cannot be reached or trusted': CONNECTION_FAILURES,
  'The state directory': unionOf('proxy/identity/identity-error.ts', 'type IdentityErrorCode ='),
  'A peer is refused': HANDSHAKE_REFUSALS,
  'An outgoing connection fails': [
    ...unionOf('proxy/outbound/connector.ts', 'type OutboundErrorCode ='),
    ...unionOf('proxy/tunnel/tunnel-error.ts', 'type TunnelErrorCode ='),
    'timeout',
    'internal',
  ],
  'A connection to a server outside fails': [
    ...new Set([
      ...unionOf('proxy/egress/server-certificate.ts', 'type CertificateRefusal ='),
      ...unionOf('proxy/egress/egress-error.ts', 'type EgressErrorCode ='),
      'timeout',
      'internal',
    ]),
  ],
  'An incoming connection fails': [
    ...unionOf('common/authorization/decide.ts', 'type PolicyDenial ='),
    'denied-no-policy',
    ...unionOf('proxy/workload/exposure.ts', 'type ExposureRefusal ='),
    ...unionOf('proxy/inbound/source-address.ts', 'type SourceRefusal ='),
    ...unionOf('proxy/inbound/app-connection.ts', 'function appFailureReason(', '{'),
    ...BUDGET_REFUSALS.filter((reason) => reason !== 'ports' && reason !== 'descriptors'),
    'malformed-authority',
    'aborted',
  ],
  'A captured connection is refused': [
    ...new Set([
      ...unionOf('proxy/outbound/captured-route.ts', 'type RouteRefusal ='),
      ...unionOf('proxy/inbound/capture.ts', 'type PlaintextRefusal ='),
      ...unionOf('proxy/inbound/source-address.ts', 'type SourceRefusal ='),
      'no-original-destination',
    ]),
  ],
  'A connection in plaintext fails': [
    ...unionOf('proxy/interception/passthrough.ts', 'function failureReason(', '{'),
    'aborted',
  ],
  'Interception cannot be set up': unionOf(
    'proxy/interception/interception-error.ts',
    'type InterceptionErrorCode =',
  ),
  'Workers cannot work': unionOf('proxy/workers/workers-error.ts', 'type WorkersErrorCode ='),
  'The keeper cannot keep': unionOf('keeper/keeper-error.ts', 'type KeeperErrorCode ='),
  'How carried connections end': [
    ...unionOf('proxy/stream/relay.ts', 'type RelayOutcome ='),
    ...unionOf('proxy/metrics/peers.ts', 'type ConnectionEnd ='),
  ],
  'How tunnels end': TUNNEL_ENDS,
  'A gateway ends a connection': unionOf('proxy/gateway/refusal.ts', 'type ConnectionRefusal ='),
  'A gateway answers a request itself': unionOf(
    'proxy/gateway/refusal.ts',
    'type RequestRefusal =',
  ),
  'A request to a service with routes is answered here': REQUEST_REFUSALS,
  'A connection to a service with routes is refused': unionOf(
    'proxy/routes/metrics.ts',
    'type RoutedConnectionRefusal =',
  ),
  'A connection to the control plane is refused before gRPC': HANDSHAKE_FAILURES,
  'An HTTP port refuses': HTTP_REFUSALS,
  'The store and the authority': [
    ...unionOf('control-plane/store/store-error.ts', 'type StoreErrorCode ='),
    ...unionOf('control-plane/ca/ca-error.ts', 'type CaErrorCode ='),
  ],
};

for (const [heading, codes] of Object.entries(SECTIONS)) {
  test(`docs/errors.md explains every code: ${heading}`, (t) => {
    t.true(codes.length > 0, 'the codes were found');
    const rows = tableOf('errors.md', heading);
    t.deepEqual(rows.map(([code = '']) => code).toSorted(), codes.toSorted());
    t.true(rows.every((cells) => cells.length === 3 && cells.every((cell) => cell !== '')));
  });
}
