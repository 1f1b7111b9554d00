/** Where the certificates of one side of an Envoy lie, and the identity that it expects of the other. */
export interface EnvoyTls {
  readonly certificate: string;
  readonly key: string;
  readonly ca: string;
  readonly peer: string;
}

const cluster = (name: string, port: number, more: object = {}): object => ({
  name,
  type: 'STATIC',
  connect_timeout: '5s',
  load_assignment: {
    cluster_name: name,
    endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
  },
  ...more,
});

const socketAddress = (port: number): object => ({
  socket_address: { address: '127.0.0.1', port_value: port },
});

const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

function commonTls({ certificate, key, ca, peer }: EnvoyTls): object {
  return {
    alpn_protocols: ['h2'],
    tls_params: {
      tls_minimum_protocol_version: 'TLSv1_3',
      tls_maximum_protocol_version: 'TLSv1_3',
    },
    tls_certificates: [
      { certificate_chain: { filename: certificate }, private_key: { filename: key } },
    ],
    validation_context: {
      trusted_ca: { filename: ca },
      match_typed_subject_alt_names: [{ san_type: 'URI', matcher: { exact: peer } }],
    },
  };
}

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

/** Envoy as an HBONE client: what comes in on `port` goes out as CONNECT to `hbonePort`. */
export function envoyClient(
  port: number,
  hbonePort: number,
  authority: string,
  tls: EnvoyTls,
): object {
  return config(
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
        stat_prefix: 'hbone',
        cluster: 'hbone',
        tunneling_config: { hostname: authority },
      },
    },
    port,
    undefined,
    cluster('hbone', hbonePort, {
      ...HTTP2,
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          '@type': `${TLS}.UpstreamTlsContext`,
          common_tls_context: commonTls(tls),
        },
      },
    }),
  );
}

/** Envoy as an HBONE server: CONNECT on `hbonePort` ends here, and its bytes go to `appPort`. */
export function envoyServer(hbonePort: number, appPort: number, tls: EnvoyTls): object {
  const filter = {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type':
        'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: 'hbone',
      route_config: {
        virtual_hosts: [
          {
            name: 'all',
            domains: ['*'],
            routes: [
              {
                match: { connect_matcher: {} },
                route: {
                  cluster: 'app',
                  upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
                },
              },
            ],
          },
        ],
      },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
          },
        },
      ],
      http2_protocol_options: { allow_connect: true },
      upgrade_configs: [{ upgrade_type: 'CONNECT' }],
    },
  };
  const transportSocket = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TLS}.DownstreamTlsContext`,
      require_client_certificate: true,
      common_tls_context: commonTls(tls),
    },
  };
  return config(filter, hbonePort, transportSocket, cluster('app', appPort));
}

function config(
  filter: object,
  port: number,
  transportSocket: object | undefined,
  upstream: object,
): object {
  const chain = {
    filters: [filter],
    ...(transportSocket && { transport_socket: transportSocket }),
  };
  return {
    static_resources: {
      listeners: [{ name: 'in', address: socketAddress(port), filter_chains: [chain] }],
      clusters: [upstream],
    },
  };
}
