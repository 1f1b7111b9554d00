import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connectAdmin } from '../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { dashboardUrl } from '../../../cli/output/dashboard-url.ts';
import { startHttpApp } from '../servers/http-app.ts';
import { startHttpLoad } from '../clients/http-load.ts';
import { type Mesh, startMesh } from '../mesh/mesh.ts';
import type { Scope } from '../scope.ts';

/** A mesh of real processes with traffic in it, and a dashboard. */
export interface LiveMesh {
  readonly mesh: Mesh;
  /** The local port of web that leads to api. */
  readonly apiPort: number;
  /** Where the dashboard is. */
  readonly origin: string;
  /** A link to sign in with. */
  link(allowChanges?: boolean): Promise<string>;
}

/** Who may call whom: web of shop calls api, which calls the database; reports may not. */
export const MESH_CONFIG = `authorization:
  rules:
    - name: front
      action: allow
      to: [api.shop]
      ports: [8080]
      from: [web.shop]
    - name: orders
      action: allow
      to: [db.data]
      ports: [5432]
      from: [api.shop]
`;

/** The loads rest between two requests, so that the browser has its turn. */
const PACE_MS = 40;

/**
 * Starts it:
 *
 *     web.shop ──> api.shop (2) ──> db.data
 *        reports.data ──refused──> api.shop
 */
export async function startLiveMesh(
  scope: Scope,
  controlPlaneArgs: readonly string[] = [],
): Promise<LiveMesh> {
  const mesh = await startMesh(scope, {
    controlPlaneArgs: ['--dashboard-listen=127.0.0.1:0', ...controlPlaneArgs],
  });
  const port = await mesh.controlPlane.process.port('dashboard');
  const config = path.join(mesh.directory, 'mesh.yaml');
  await writeFile(config, MESH_CONFIG);
  const app = await startHttpApp(scope, 'hello');
  const expose = (at: number): string[] => [`${at}=127.0.0.1:${app.port}`];
  await Promise.all([
    mesh.sidecar({ service: 'db', namespace: 'data', expose: expose(5432) }),
    mesh.sidecar({ service: 'api', namespace: 'shop', expose: expose(8080) }),
  ]);
  const [web, api, reports] = await Promise.all([
    mesh.sidecar({ service: 'web', namespace: 'shop', upstreams: ['api.shop:8080'] }),
    mesh.sidecar({
      service: 'api',
      namespace: 'shop',
      expose: expose(8080),
      upstreams: ['db.data:5432'],
    }),
    mesh.sidecar({ service: 'reports', namespace: 'data', upstreams: ['api.shop:8080'] }),
  ]);
  const applied = await mesh.admin(['apply', '-f', config]);
  if (applied.code !== 0) throw new Error(`apply failed: ${applied.stderr}`);
  for (const { upstreamPorts } of [web, api, reports]) {
    startHttpLoad(scope, {
      port: upstreamPorts[0] ?? 0,
      concurrency: 1,
      paceMs: PACE_MS,
      keepAlive: false,
    });
  }
  const { grpcPort, dataDirectory } = mesh.controlPlane;
  const credential = readAdminCredential(path.join(dataDirectory, 'admin.pem'));
  const admin = connectAdmin({ address: { host: '127.0.0.1', port: grpcPort }, credential });
  scope.teardown(() => admin.close());
  return {
    mesh,
    apiPort: web.upstreamPorts[0] ?? 0,
    origin: `http://127.0.0.1:${port}`,
    link: async (allowChanges = false) =>
      dashboardUrl(await admin.createDashboardLink({ allowChanges })),
  };
}
