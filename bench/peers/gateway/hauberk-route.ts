import { CALLEE_NAME } from '../../lab/certificates.ts';
import { startHauberkMesh } from '../hauberk-mesh.ts';
import type { PairPlan, PeerContext } from '../peer.ts';

const HTTP_PORT = 8080;
const GRPC_PORT = 8081;

/** `hauberk proxy` of a caller, in a mesh whose configuration has routes for the service. */
export async function planHauberkRoute(context: PeerContext): Promise<PairPlan> {
  const { app, ports } = context;
  const mesh = await startHauberkMesh(context);
  const routeTo = (port: number) => [
    { name: `${CALLEE_NAME}-${port}`, parentRefs: [{ name: CALLEE_NAME, port }] },
  ];
  const routes = { namespace: 'bench', http: routeTo(HTTP_PORT), grpc: routeTo(GRPC_PORT) };
  await mesh.apply(JSON.stringify({ routes }));
  return {
    caller: mesh.member('caller', 'proxy', [
      '--service=web',
      `--metrics-listen=127.0.0.1:${ports.callerMetrics}`,
      '--hbone-listen=127.0.0.1:0',
      `--upstream=127.0.0.1:${ports.plaintext}=${CALLEE_NAME}:${HTTP_PORT}`,
      `--upstream=127.0.0.1:${ports.plaintextHttp2}=${CALLEE_NAME}:${GRPC_PORT}`,
    ]),
    callee: mesh.callee({ [HTTP_PORT]: app.httpPort, [GRPC_PORT]: app.http2Port }),
    measured: 'caller',
    metrics: [`http://127.0.0.1:${ports.callerMetrics}/metrics`],
    close: mesh.close,
  };
}
