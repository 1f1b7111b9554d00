import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CALLEE_NAME } from '../../lab/certificates.ts';
import type { PairPlan, PeerContext } from '../peer.ts';
import { planFarEnd } from './far-end.ts';

/** HAProxy in HTTP mode: HTTP/1.1 to the service, gRPC over HTTP/2. */
export function planHaproxyGateway(context: PeerContext): Promise<PairPlan> {
  const path = join(context.directory, 'caller.cfg');
  writeFileSync(path, config(context));
  return Promise.resolve({
    caller: { name: 'caller', program: 'haproxy', args: ['-db', '-f', path] },
    callee: planFarEnd(context),
    measured: 'caller',
    metrics: [`http://127.0.0.1:${context.ports.callerMetrics}/metrics`],
  });
}

function config({ ports, certificates, placement }: PeerContext): string {
  const { root, caller, callee } = certificates;
  const tls = `ssl ssl-min-ver TLSv1.3 verify required crt ${caller.combined} ca-file ${root} verifyhost ${CALLEE_NAME}`;
  return `global
  nbthread 1
  maxconn ${placement.maxConnections + 100}
defaults
  mode http
  option forwardfor
  timeout connect 10s
  timeout client 1h
  timeout server 1h
frontend outside
  bind 127.0.0.1:${ports.plaintext} backlog 4096
  bind 127.0.0.1:${ports.plaintextHttp2} backlog 4096 proto h2
  bind 127.0.0.1:${ports.https} backlog 4096 ssl crt ${callee.combined} alpn h2,http/1.1
  http-request set-header X-Forwarded-Proto https if { ssl_fc }
  use_backend grpc if { path_beg /bench.Echo }
  default_backend service
backend service
  server service 127.0.0.1:${ports.tls} ${tls}
backend grpc
  server grpc 127.0.0.1:${ports.tlsHttp2} ${tls} proto h2
frontend metrics
  bind 127.0.0.1:${ports.callerMetrics}
  http-request use-service prometheus-exporter if { path /metrics }
`;
}
