import { startEnvoy } from '../../helpers/servers/envoy.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import type { Scope } from '../../helpers/scope.ts';
import type { ObservedProxy } from '../record/observe.ts';
import { startService } from './start-service.ts';

const API = 'type.googleapis.com/envoy';

/** Names of fields go on in the letters that they came in. */
const HTTP1 = {
  accept_http_10: true,
  enable_trailers: true,
  header_key_format: {
    stateful_formatter: {
      name: 'preserve_case',
      typed_config: {
        '@type': `${API}.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig`,
        forward_reason_phrase: true,
      },
    },
  },
};

/** Envoy that adds as little as it can. */
export async function observeEnvoy(scope: Scope, spoken?: 'h2c'): Promise<ObservedProxy> {
  const service = await startService(scope, spoken);
  const port = await freePort();
  await startEnvoy(scope, config(port, service.port, spoken), port);
  return { name: 'Envoy', port, http2Port: port, service };
}

function config(port: number, servicePort: number, spoken: 'h2c' | undefined): object {
  return {
    static_resources: {
      listeners: [
        {
          name: 'web',
          address: address(port),
          filter_chains: [{ filters: [connectionManager()] }],
        },
      ],
      clusters: [
        {
          name: 'service',
          type: 'STATIC',
          connect_timeout: '5s',
          load_assignment: {
            cluster_name: 'service',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(servicePort) } }] }],
          },
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': `${API}.extensions.upstreams.http.v3.HttpProtocolOptions`,
              explicit_http_config:
                spoken === undefined
                  ? { http_protocol_options: HTTP1 }
                  : { http2_protocol_options: {} },
            },
          },
        },
      ],
    },
  };
}

function connectionManager(): object {
  const route = { match: { prefix: '/' }, route: { cluster: 'service', timeout: '0s' } };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': `${API}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: 'web',
      codec_type: 'AUTO',
      http2_protocol_options: { override_stream_error_on_invalid_http_message: true },
      use_remote_address: true,
      generate_request_id: false,
      server_header_transformation: 'PASS_THROUGH',
      proxy_100_continue: true,
      // By default it waits for a second before it closes.
      delayed_close_timeout: '0s',
      http_protocol_options: HTTP1,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
      http_filters: [
        {
          name: 'envoy.filters.http.router',
          typed_config: {
            '@type': `${API}.extensions.filters.http.router.v3.Router`,
            suppress_envoy_headers: true,
          },
        },
      ],
    },
  };
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
