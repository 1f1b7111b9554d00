import { HTTP1_SERVICE_PATH } from '../../lab/app.ts';
import {
  envoyConfig,
  HTTP2_UPSTREAM,
  httpConnectionManager,
  serverTls,
  upstreamTls,
} from '../envoy-config.ts';
import { envoyCommand } from '../envoy-program.ts';
import type { PairPlan, PeerContext } from '../peer.ts';
import { planFarEnd } from './far-end.ts';

/** Envoy as an HTTP proxy: HTTP/2 to the service, and HTTP/1.1 where that is asked for. */
export function planEnvoyGateway(context: PeerContext): Promise<PairPlan> {
  const { certificates, ports, directory } = context;
  const { root, caller, callee } = certificates;
  const routes = [
    { match: { prefix: HTTP1_SERVICE_PATH }, route: { cluster: 'http1', timeout: '0s' } },
    { match: { prefix: '/' }, route: { cluster: 'http2', timeout: '0s' } },
  ];
  const tls = { root, own: caller, peer: callee };
  const filter = httpConnectionManager(routes, { codec_type: 'AUTO', use_remote_address: true });
  const config = envoyConfig(
    ports.callerMetrics,
    [
      { port: ports.plaintext, filter },
      { port: ports.plaintextHttp2, filter },
      { port: ports.https, filter, more: serverTls(callee, ['h2', 'http/1.1']) },
    ],
    {
      name: 'http2',
      port: ports.tlsHttp2,
      more: { ...upstreamTls({ ...tls, alpn: ['h2'] }), ...HTTP2_UPSTREAM },
    },
    { name: 'http1', port: ports.tls, more: upstreamTls(tls) },
  );
  return Promise.resolve({
    caller: envoyCommand(directory, 'caller', config),
    callee: planFarEnd(context),
    measured: 'caller',
    metrics: [`http://127.0.0.1:${ports.callerMetrics}/stats/prometheus`],
  });
}
