import type { CredentialFiles } from '../lab/certificates.ts';

/** A part of Envoy's configuration, which may be JSON as well as YAML. */
export type EnvoyPart = Readonly<Record<string, unknown>>;

/** More than any workload has: Envoy's circuit breakers are not what is measured. */
const NO_LIMIT = 1_000_000;

/** Names the type of an extension's configuration. */
export function typed(type: string, config: EnvoyPart = {}): EnvoyPart {
  return { '@type': `type.googleapis.com/${type}`, ...config };
}

/** Where one side connects to. */
export interface EnvoyCluster {
  readonly name: string;
  readonly port: number;
  readonly more?: EnvoyPart;
}

/** Where connections are taken. */
export interface EnvoyListener {
  readonly port: number;
  readonly filter: EnvoyPart;
  readonly more?: EnvoyPart;
}

/** A whole configuration: listeners, clusters, the admin port with the metrics. */
export function envoyConfig(
  adminPort: number,
  listeners: readonly EnvoyListener[],
  ...clusters: readonly EnvoyCluster[]
): string {
  return JSON.stringify({
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: listeners.map(({ port, filter, more }) => ({
        name: `carry-${port}`,
        address: address(port),
        tcp_backlog_size: 4096,
        filter_chains: [{ filters: [filter], ...more }],
      })),
      clusters: clusters.map(clusterPart),
    },
  });
}

function clusterPart({ name, port, more }: EnvoyCluster): EnvoyPart {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '10s',
    circuit_breakers: {
      thresholds: [
        { max_connections: NO_LIMIT, max_pending_requests: NO_LIMIT, max_requests: NO_LIMIT },
      ],
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }],
    },
    ...more,
  };
}

function address(port: number): EnvoyPart {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

/** A filter that carries TCP to a cluster. */
export function tcpProxy(cluster: string, more: EnvoyPart = {}): EnvoyPart {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
      stat_prefix: 'carry',
      cluster,
      ...more,
    }),
  };
}

/** A filter that takes HTTP, with its routes. */
export function httpConnectionManager(routes: readonly EnvoyPart[], more: EnvoyPart): EnvoyPart {
  const type = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: typed('envoy.extensions.filters.http.router.v3.Router'),
  };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed(type, {
      stat_prefix: 'carry',
      stream_idle_timeout: '0s',
      route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
      http_filters: [router],
      ...more,
    }),
  };
}

/** Makes a cluster speak HTTP/2. */
export const HTTP2_UPSTREAM: EnvoyPart = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      { explicit_http_config: { http2_protocol_options: {} } },
    ),
  },
};

/** Mutual TLS 1.3 with one identity, expecting another. */
export interface EnvoyTls {
  readonly root: string;
  readonly own: CredentialFiles;
  readonly peer: CredentialFiles;
  readonly alpn?: readonly string[];
}

/** The TLS of a cluster. */
export function upstreamTls(tls: EnvoyTls): EnvoyPart {
  return transportSocket('UpstreamTlsContext', { common_tls_context: commonTls(tls) });
}

/** The TLS of a listener. */
export function downstreamTls(tls: EnvoyTls): EnvoyPart {
  return transportSocket('DownstreamTlsContext', {
    require_client_certificate: true,
    common_tls_context: commonTls(tls),
  });
}

/** The TLS of a listener whose clients show no certificate. */
export function serverTls({ chain, key }: CredentialFiles, alpn: readonly string[]): EnvoyPart {
  const certificate = { certificate_chain: { filename: chain }, private_key: { filename: key } };
  return transportSocket('DownstreamTlsContext', {
    common_tls_context: { alpn_protocols: alpn, tls_certificates: [certificate] },
  });
}

function transportSocket(context: string, config: EnvoyPart): EnvoyPart {
  const type = `envoy.extensions.transport_sockets.tls.v3.${context}`;
  return {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: typed(type, config),
    },
  };
}

function commonTls({ root, own, peer, alpn = [] }: EnvoyTls): EnvoyPart {
  return {
    alpn_protocols: alpn,
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_3',
      tls_maximum_protocol_version: 'TLSv1_3',
    },
    tls_certificates: [
      { certificate_chain: { filename: own.chain }, private_key: { filename: own.key } },
    ],
    validation_context: {
      trusted_ca: { filename: root },
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer.uri } }],
    },
  };
}
