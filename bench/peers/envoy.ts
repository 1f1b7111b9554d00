import {
  downstreamTls,
  envoyConfig,
  httpConnectionManager,
  HTTP2_UPSTREAM,
  tcpProxy,
  upstreamTls,
} from './envoy-config.ts';
import { ENVOY_INSTALL, envoyCommand, envoyVersion } from './envoy-program.ts';
import { planEnvoyGateway } from './gateway/envoy.ts';
import type { PairPlan, Peer, PeerContext } from './peer.ts';

/** Envoy as a TCP proxy: a TLS connection for each connection. */
export const envoyTcpPeer: Peer = {
  id: 'envoy-tcp',
  title: 'Envoy TCP',
  kind: 'one-to-one',
  program: 'envoy',
  install: ENVOY_INSTALL,
  version: envoyVersion,
  plans: {
    sidecars(context) {
      const { app, certificates, ports } = context;
      const { root, caller, callee } = certificates;
      const callerConfig = envoyConfig(
        ports.callerMetrics,
        [{ port: ports.plaintext, filter: tcpProxy('peer') }],
        {
          name: 'peer',
          port: ports.tls,
          more: upstreamTls({ root, own: caller, peer: callee }),
        },
      );
      const calleeConfig = envoyConfig(
        ports.calleeMetrics,
        [
          {
            port: ports.tls,
            filter: tcpProxy('app'),
            more: downstreamTls({ root, own: callee, peer: caller }),
          },
        ],
        { name: 'app', port: app.httpPort },
      );
      return Promise.resolve(envoyPlan(context, callerConfig, calleeConfig));
    },
  },
};

/** Envoy as Istio's sidecars and waypoints use it: HTTP/2 CONNECT over mutual TLS, as Hauberk does. */
export const envoyHbonePeer: Peer = {
  id: 'envoy-hbone',
  title: 'Envoy HBONE',
  kind: 'multiplexing',
  note: "the windows of its HTTP/2 are at their defaults; readers that stall can fill its connection's, and then no other stream on it is served",
  program: 'envoy',
  install: ENVOY_INSTALL,
  version: envoyVersion,
  plans: {
    sidecars(context) {
      const { app, certificates, ports } = context;
      const { root, caller, callee } = certificates;
      const alpn = ['h2'];
      const tunnel = { tunneling_config: { hostname: 'api.bench:8080' } };
      const callerConfig = envoyConfig(
        ports.callerMetrics,
        [{ port: ports.plaintext, filter: tcpProxy('peer', tunnel) }],
        {
          name: 'peer',
          port: ports.tls,
          more: { ...upstreamTls({ root, own: caller, peer: callee, alpn }), ...HTTP2_UPSTREAM },
        },
      );
      const calleeConfig = envoyConfig(
        ports.calleeMetrics,
        [
          {
            port: ports.tls,
            filter: connectTerminator('app'),
            more: downstreamTls({ root, own: callee, peer: caller, alpn }),
          },
        ],
        { name: 'app', port: app.httpPort },
      );
      return Promise.resolve(envoyPlan(context, callerConfig, calleeConfig));
    },
  },
};

function connectTerminator(cluster: string) {
  const route = {
    match: { connect_matcher: {} },
    route: {
      cluster,
      timeout: '0s',
      upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
    },
  };
  return httpConnectionManager([route], {
    codec_type: 'HTTP2',
    http2_protocol_options: { allow_connect: true },
    upgrade_configs: [{ upgrade_type: 'CONNECT' }],
  });
}

function envoyPlan(
  { directory, ports }: PeerContext,
  callerConfig: string,
  calleeConfig: string,
): PairPlan {
  return {
    caller: envoyCommand(directory, 'caller', callerConfig),
    callee: envoyCommand(directory, 'callee', calleeConfig),
    metrics: [ports.callerMetrics, ports.calleeMetrics].map(
      (port) => `http://127.0.0.1:${port}/stats/prometheus`,
    ),
  };
}

/** Envoy as a gateway: HTTP/2 over one connection to the service, as in meshes. */
export const envoyPeer: Peer = {
  id: 'envoy',
  title: 'Envoy',
  kind: 'multiplexing',
  program: 'envoy',
  install: ENVOY_INSTALL,
  version: envoyVersion,
  plans: { gateway: planEnvoyGateway, route: planEnvoyGateway },
};
