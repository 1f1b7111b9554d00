import { everyValue } from '../../common/metrics/known-series.ts';
import { REFUSALS, type ConnectionFailure } from '../../common/rpc/rpc-error.ts';
import type { KnownSeries } from '../metrics/proxy-metrics.ts';
import type { HandshakeRefusal } from '../tunnel/peer-check.ts';
import type { TunnelEnd } from '../tunnel/tunnel.ts';

const DIRECTIONS = ['inbound', 'outbound'];

const TUNNEL_ENDS = everyValue<TunnelEnd>({
  drained: true,
  idle: true,
  goaway: true,
  'keepalive-timeout': true,
  'peer-closed': true,
  expired: true,
  revoked: true,
  'record-flood': true,
  'protocol-error': true,
  'transport-error': true,
  forced: true,
});

const HANDSHAKE_REFUSALS = everyValue<HandshakeRefusal>({
  'certificate-missing': true,
  untrusted: true,
  expired: true,
  'not-yet-valid': true,
  revoked: true,
  'signing-certificate': true,
  'san-missing': true,
  'san-multiple': true,
  'spiffe-id': true,
  'wrong-trust-domain': true,
  'wrong-identity': true,
  'no-alpn': true,
  'tls-error': true,
  timeout: true,
  'too-many': true,
  descriptors: true,
  'peer-limit': true,
  'peer-rate': true,
});

const CONNECTION_FAILURES = everyValue<ConnectionFailure>({
  unreachable: true,
  tls: true,
  'server-untrusted': true,
  'server-identity': true,
  timeout: true,
  cancelled: true,
  protocol: true,
  'credentials-invalid': true,
});

/** The counters of a sidecar whose labels have closed lists, with the lists. */
export const KNOWN_SERIES: KnownSeries = {
  tunnelsClosed: { direction: DIRECTIONS, reason: TUNNEL_ENDS },
  handshakesRefused: { direction: DIRECTIONS, reason: HANDSHAKE_REFUSALS },
  certificateRenewalFailures: { reason: [...REFUSALS, ...CONNECTION_FAILURES] },
};
