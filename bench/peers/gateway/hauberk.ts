import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HTTP1_SERVICE_PATH } from '../../lab/app.ts';
import { CALLEE_NAME } from '../../lab/certificates.ts';
import { startHauberkMesh } from '../hauberk-mesh.ts';
import type { PairPlan, PeerContext } from '../peer.ts';

/** `hauberk gateway` before the sidecar of the application: HTTP/2 to it, and HTTP/1.1 where that is asked for. */
export async function planHauberkGateway(context: PeerContext): Promise<PairPlan> {
  const { app, directory, ports } = context;
  const file = join(directory, 'gateway.yaml');
  writeFileSync(file, JSON.stringify({ listeners: listeners(context) }));
  const mesh = await startHauberkMesh(context);
  return {
    caller: mesh.member('caller', 'gateway', [
      '--service=edge',
      `--config=${file}`,
      `--metrics-listen=127.0.0.1:${ports.callerMetrics}`,
    ]),
    callee: mesh.callee({ 8080: app.httpPort, 8081: app.http2Port }),
    measured: 'caller',
    metrics: [`http://127.0.0.1:${ports.callerMetrics}/metrics`],
    close: mesh.close,
  };
}

function listeners({ ports, certificates: { callee } }: PeerContext) {
  const routes = [
    { pathPrefix: HTTP1_SERVICE_PATH, backend: `${CALLEE_NAME}:8080` },
    { backend: `${CALLEE_NAME}:8081`, appProtocol: 'h2c' },
  ];
  const listen = (port: number): string => `127.0.0.1:${port}`;
  const certificates = [{ certificate: callee.chain, key: callee.key }];
  return [
    { name: 'http1', listen: listen(ports.plaintext), protocol: 'HTTP', routes },
    { name: 'http2', listen: listen(ports.plaintextHttp2), protocol: 'HTTP', routes },
    {
      name: 'https',
      listen: listen(ports.https),
      protocol: 'HTTPS',
      tls: { mode: 'Terminate', certificates },
      routes,
    },
  ];
}
