import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from '../deadline.ts';
import { type LiveMesh, MESH_CONFIG, startLiveMesh } from '../dashboard/live-mesh.ts';
import { startHttpApp } from '../servers/http-app.ts';
import { startHttpLoad } from '../clients/http-load.ts';
import { type Gateway, startGateway } from '../mesh/mesh-gateway.ts';
import type { Scope } from '../scope.ts';
import { createTestAuthority } from '../mesh/test-authority.ts';
import { type Prometheus, startShippedPrometheus } from './prometheus.ts';

/** A mesh of real processes with traffic and failures in it, and the real Prometheus that scrapes it. */
export interface ObservedMesh {
  readonly live: LiveMesh;
  readonly gateway: Gateway;
  readonly prometheus: Prometheus;
}

/** Besides what `startLiveMesh` says: requests that are refused, and not their connections. */
const NO_POSTS = `    - name: no-posts
      action: deny
      from: [web.shop]
      to: [api.shop]
      ports: [8080]
      methods: [POST]
`;

/**
 * Starts `startLiveMesh` with requests that are refused, a sidecar of api that calls what is not there, and in front of it a gateway, which also leads where no service is:
 *
 *     client ──> edge ──> site.default
 *                  └────> nowhere.default
 */
export async function startObservedMesh(scope: Scope): Promise<ObservedMesh> {
  const live = await startLiveMesh(scope);
  const { mesh } = live;
  const at = (name: string): string => path.join(mesh.directory, name);
  const www = createTestAuthority().workload('default', 'www', { dnsNames: ['www.example'] });
  await writeFile(at('www.pem'), www.chain.join(''));
  await writeFile(at('www.key'), www.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(at('no-posts.yaml'), `${MESH_CONFIG}${NO_POSTS}`);
  const applied = await mesh.admin(['apply', '-f', at('no-posts.yaml')]);
  if (applied.code !== 0) throw new Error(`apply failed: ${applied.stderr}`);
  startHttpLoad(scope, { port: live.apiPort, method: 'POST', concurrency: 1, paceMs: 100 });
  const lonely = { service: 'api', namespace: 'shop', upstreams: ['nowhere:8080'] };
  const { upstreamPorts } = await mesh.sidecar(lonely);
  startHttpLoad(scope, { port: upstreamPorts[0] ?? 0, concurrency: 1, paceMs: 100 });
  const site = await startHttpApp(scope, 'site');
  await mesh.sidecar({ service: 'site', expose: [`8080=127.0.0.1:${site.port}`] });
  const gateway = await startGateway(
    scope,
    mesh,
    `
  - name: web
    listen: 127.0.0.1:0
    protocol: HTTP
    routes: [{ backend: site:8080 }]
  - name: broken
    listen: 127.0.0.1:0
    protocol: HTTP
    routes: [{ backend: nowhere:8080 }]
  - name: tls
    listen: 127.0.0.1:0
    protocol: HTTPS
    tls:
      mode: Terminate
      certificates: [{ certificate: ${at('www.pem')}, key: ${at('www.key')} }]
    routes: [{ backend: site:8080 }]
`,
  );
  for (const name of ['web', 'broken']) {
    startHttpLoad(scope, { port: await gateway.port(name), concurrency: 1, paceMs: 40 });
  }
  const prometheus = await startShippedPrometheus(scope, `127.0.0.1:${mesh.controlPlane.httpPort}`);
  await eventually('Prometheus has scraped every program three times', async () => {
    const seen = await prometheus.query('count_over_time(hauberk_build_info[5m]) >= 3');
    return seen.length === 9 ? true : undefined;
  });
  return { live, gateway, prometheus };
}
