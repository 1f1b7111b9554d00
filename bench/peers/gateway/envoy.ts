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

/** Envoy as an HTTP proxy: HTTP/2 to the service. */
export function planEnvoyGateway(context: PeerContext): Promise<PairPlan> {
  const { certificates, ports, directory } = context;
  const { root, caller, callee } = certificates;
  const route = { match: { prefix: '/' }, route: { cluster: 'service', timeout: '0s' } };
  const filter = httpConnectionManager([route], { codec_type: 'AUTO', use_remote_address: true });
  const config = envoyConfig(
    ports.callerMetrics,
    [
      { port: ports.plaintext, filter },
      { port: ports.plaintextHttp2, filter },
      { port: ports.https, filter, more: serverTls(callee, ['h2', 'http/1.1']) },
    ],
    {
      name: 'service',
      port: ports.tlsHttp2,
      more: {
        ...upstreamTls({ root, own: caller, peer: callee, alpn: ['h2'] }),
        ...HTTP2_UPSTREAM,
      },
    },
  );
  return Promise.resolve({
    caller: envoyCommand(directory, 'caller', config),
    callee: planFarEnd(context),
    measured: 'caller',
    metrics: [`http://127.0.0.1:${ports.callerMetrics}/stats/prometheus`],
  });
}
