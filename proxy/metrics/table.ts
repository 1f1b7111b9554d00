import { REQUEST_SECONDS_BOUNDS } from '../../common/wire/traffic/durations.ts';
import { BODY_BYTES_BUCKETS } from './requests/request-counters.ts';

/** One row of the table: everything a scraper can know about a metric. */
export interface MetricRow {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** From a handshake on loopback to one that waits for a lost SYN. */
const HANDSHAKE_BUCKETS_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** From a request on a connection of its own to a database connection that lives for a day. */
const DURATION_BUCKETS_SECONDS = [
  0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 3600, 14400, 86400,
];

/** From a tunnel that was opened in vain to one that carried a busy hour. */
const STREAMS_BUCKETS = [0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000];

/**
 * Every metric of a sidecar. The names are public API: dashboards and alerts depend on them.
 *
 * Labels stay bounded. `direction` is `inbound` or `outbound`, from the application's point of view;
 * `peer` is the SPIFFE ID on the other side, `unknown` before it is known, or `other` beyond a fixed
 * number of distinct peers; `reason` is a code from a closed list. An address is never a label.
 */
export const PROXY_METRICS = {
  connectionsOpened: {
    name: 'hauberk_connections_opened_total',
    type: 'counter',
    labels: ['direction', 'peer'],
    help: 'Connections of the application that were carried to or from a peer.',
  },
  connectionsClosed: {
    name: 'hauberk_connections_closed_total',
    type: 'counter',
    labels: ['direction', 'peer', 'reason'],
    help: 'Carried connections that ended, by how they ended.',
  },
  connectionsFailed: {
    name: 'hauberk_connections_failed_total',
    type: 'counter',
    labels: ['direction', 'peer', 'reason'],
    help: 'Connections that were refused or could not be made.',
  },
  policyAudited: {
    name: 'hauberk_policy_audited_total',
    type: 'counter',
    labels: ['peer', 'rule'],
    help: 'Connections that were accepted although a rule that only audits would refuse them.',
  },
  connectionsOpen: {
    name: 'hauberk_connections_open',
    type: 'gauge',
    labels: ['direction', 'peer'],
    help: 'Connections that are open between the application and a peer.',
  },
  bytesSent: {
    name: 'hauberk_bytes_sent_total',
    type: 'counter',
    labels: ['direction', 'peer'],
    help: "The application's bytes that were sent to the peer.",
  },
  bytesReceived: {
    name: 'hauberk_bytes_received_total',
    type: 'counter',
    labels: ['direction', 'peer'],
    help: "The application's bytes that were received from the peer.",
  },
  connectionDuration: {
    name: 'hauberk_connection_duration_seconds',
    type: 'histogram',
    labels: ['direction'],
    help: 'How long carried connections lived.',
    buckets: DURATION_BUCKETS_SECONDS,
  },
  connectSeconds: {
    name: 'hauberk_connect_seconds',
    type: 'histogram',
    labels: ['direction'],
    help: 'Time from accepting a connection until the other side accepted it, too.',
    buckets: HANDSHAKE_BUCKETS_SECONDS,
  },
  requests: {
    name: 'hauberk_requests_total',
    type: 'counter',
    labels: ['direction', 'peer', 'protocol', 'method', 'status'],
    help: 'HTTP requests and gRPC calls whose response has ended, by class of status or status of gRPC.',
  },
  requestDuration: {
    name: 'hauberk_request_duration_seconds',
    type: 'histogram',
    labels: ['direction', 'peer'],
    help: 'Time from the first byte of a request to the last of its response.',
    buckets: REQUEST_SECONDS_BOUNDS,
  },
  requestSize: {
    name: 'hauberk_request_size_bytes',
    type: 'histogram',
    labels: ['direction'],
    help: 'Bytes in the bodies of requests.',
    buckets: BODY_BYTES_BUCKETS,
  },
  responseSize: {
    name: 'hauberk_response_size_bytes',
    type: 'histogram',
    labels: ['direction'],
    help: 'Bytes in the bodies of responses.',
    buckets: BODY_BYTES_BUCKETS,
  },
  requestsDenied: {
    name: 'hauberk_requests_denied_total',
    type: 'counter',
    labels: ['peer', 'reason'],
    help: 'HTTP requests and gRPC calls that the policy refused.',
  },
  protocolsDetected: {
    name: 'hauberk_protocols_detected_total',
    type: 'counter',
    labels: ['direction', 'protocol'],
    help: 'Carried connections by what was recognised in them.',
  },
  httpParseFailures: {
    name: 'hauberk_http_parse_failures_total',
    type: 'counter',
    labels: ['direction', 'reason'],
    help: 'Connections of HTTP whose requests were not counted any more from some point on, by reason.',
  },
  tunnelsOpen: {
    name: 'hauberk_tunnels_open',
    type: 'gauge',
    labels: ['direction'],
    help: 'Mutual TLS tunnels that are open.',
  },
  tunnelsOpened: {
    name: 'hauberk_tunnels_opened_total',
    type: 'counter',
    labels: ['direction'],
    help: 'Tunnels that were opened: both sides had proven their identity.',
  },
  tunnelsClosed: {
    name: 'hauberk_tunnels_closed_total',
    type: 'counter',
    labels: ['direction', 'reason'],
    help: 'Tunnels that ended, by why they ended.',
  },
  tunnelStreams: {
    name: 'hauberk_tunnel_streams',
    type: 'histogram',
    labels: ['direction'],
    help: 'Connections that a tunnel had carried when it ended.',
    buckets: STREAMS_BUCKETS,
  },
  handshakeSeconds: {
    name: 'hauberk_handshake_seconds',
    type: 'histogram',
    labels: ['direction'],
    help: 'Time of the mutual TLS handshakes that succeeded.',
    buckets: HANDSHAKE_BUCKETS_SECONDS,
  },
  handshakesRefused: {
    name: 'hauberk_handshakes_refused_total',
    type: 'counter',
    labels: ['direction', 'reason'],
    help: 'Handshakes that ended because the peer was refused, by reason.',
  },
  tlsContextsRefused: {
    name: 'hauberk_tls_contexts_refused_total',
    type: 'counter',
    labels: [],
    help: 'Certificates or bundles not used, because no handshake could be made with them.',
  },
  passthroughConnections: {
    name: 'hauberk_passthrough_connections_total',
    type: 'counter',
    labels: ['direction'],
    help: 'Captured connections that continued in plaintext.',
  },
  passthroughConnectionsOpen: {
    name: 'hauberk_passthrough_connections_open',
    type: 'gauge',
    labels: ['direction'],
    help: 'Captured connections that are open in plaintext.',
  },
  certificateNotBefore: {
    name: 'hauberk_certificate_not_before_timestamp_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the certificate in use became valid, in Unix time.',
  },
  certificateNotAfter: {
    name: 'hauberk_certificate_not_after_timestamp_seconds',
    type: 'gauge',
    labels: [],
    help: 'When the certificate in use expires, in Unix time.',
  },
  certificateRenewals: {
    name: 'hauberk_certificate_renewals_total',
    type: 'counter',
    labels: [],
    help: 'Certificates that were renewed.',
  },
  certificateRenewalFailures: {
    name: 'hauberk_certificate_renewal_failures_total',
    type: 'counter',
    labels: ['reason'],
    help: 'Failed attempts to renew the certificate; the certificate in use stays.',
  },
  trustBundleVersion: {
    name: 'hauberk_trust_bundle_version',
    type: 'gauge',
    labels: [],
    help: 'Version of the trust bundle in use.',
  },
  clockSkew: {
    name: 'hauberk_clock_skew_seconds',
    type: 'gauge',
    labels: [],
    help: "The control plane's clock minus this host's, as it was told last, every half minute.",
  },
  controlPlaneConnected: {
    name: 'hauberk_control_plane_connected',
    type: 'gauge',
    labels: [],
    help: '1 while the control plane is connected, otherwise 0.',
  },
  tunnelBufferedBytes: {
    name: 'hauberk_tunnel_buffered_bytes',
    type: 'gauge',
    labels: [],
    help: 'Bytes in memory that wait for slow readers or peers.',
  },
  viewVersion: {
    name: 'hauberk_view_version',
    type: 'gauge',
    labels: [],
    help: 'Version of the view of the mesh in use; 0 before the first.',
  },
  policyVersion: {
    name: 'hauberk_policy_version',
    type: 'gauge',
    labels: [],
    help: 'Version of the mesh configuration whose policy is in force; -1 while there is none.',
  },
  interest: {
    name: 'hauberk_interest',
    type: 'gauge',
    labels: ['kind'],
    help: 'What the control plane is asked to tell of: services, namespaces and addresses.',
  },
  addressQuestions: {
    name: 'hauberk_address_questions_total',
    type: 'counter',
    labels: ['answer'],
    help: 'Addresses that connections waited for, by what the control plane said is there; none: nothing, in time.',
  },
  addressQuestionsPending: {
    name: 'hauberk_address_questions_pending',
    type: 'gauge',
    labels: [],
    help: 'Addresses that connections wait for.',
  },
  endpoints: {
    name: 'hauberk_endpoints',
    type: 'gauge',
    labels: ['service'],
    help: 'Endpoints known of each service, named <service>.<namespace>.',
  },
} as const satisfies Record<string, MetricRow>;
