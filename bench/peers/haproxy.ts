import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { planHaproxyGateway } from './gateway/haproxy.ts';
import type { PairPlan, Peer, PeerContext } from './peer.ts';
import { programVersion } from './program-version.ts';

/** HAProxy: of sidecars in TCP mode, TLS to the server and from the client; as a gateway in HTTP mode. */
export const haproxyPeer: Peer = {
  id: 'haproxy',
  title: 'HAProxy',
  kind: 'one-to-one',
  program: 'haproxy',
  install: 'apt-get install haproxy',
  version: () => programVersion('haproxy', ['-v'], /version (\S+)/),
  plans: { sidecars: planSidecars, gateway: planHaproxyGateway, route: planHaproxyGateway },
};

function planSidecars(context: PeerContext): Promise<PairPlan> {
  const {
    directory,
    app,
    certificates,
    ports,
    placement: { maxConnections },
  } = context;
  const { root, caller, callee } = certificates;
  const files = (side: string, metricsPort: number, listen: string): string => {
    const path = join(directory, `${side}.cfg`);
    writeFileSync(path, config(maxConnections, metricsPort, listen));
    return path;
  };
  const tls = 'ssl-min-ver TLSv1.3 verify required';
  const callerConfig = files(
    'caller',
    ports.callerMetrics,
    `bind 127.0.0.1:${ports.plaintext} backlog 4096
  server peer 127.0.0.1:${ports.tls} ssl ${tls} crt ${caller.combined} ca-file ${root} verifyhost api`,
  );
  const calleeConfig = files(
    'callee',
    ports.calleeMetrics,
    `bind 127.0.0.1:${ports.tls} backlog 4096 ssl ${tls} crt ${callee.combined} ca-file ${root}
  server app 127.0.0.1:${app.httpPort}`,
  );
  return Promise.resolve({
    caller: { name: 'caller', program: 'haproxy', args: ['-db', '-f', callerConfig] },
    callee: { name: 'callee', program: 'haproxy', args: ['-db', '-f', calleeConfig] },
    metrics: [ports.callerMetrics, ports.calleeMetrics].map(
      (port) => `http://127.0.0.1:${port}/metrics`,
    ),
  });
}

function config(maxConnections: number, metricsPort: number, listen: string): string {
  return `global
  nbthread 1
  maxconn ${maxConnections + 100}
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen carry
  ${listen}
frontend metrics
  bind 127.0.0.1:${metricsPort}
  mode http
  http-request use-service prometheus-exporter if { path /metrics }
`;
}
