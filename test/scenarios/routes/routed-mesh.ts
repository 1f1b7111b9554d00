import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import { startMesh, type Mesh, type MeshOptions, type Sidecar } from '../../helpers/mesh/mesh.ts';
import type { Scope } from '../../helpers/scope.ts';

/** A mesh in which `caller` calls services that `mesh.yaml` has routes for. */
export interface RoutedMesh {
  readonly mesh: Mesh;
  readonly caller: Sidecar;
  /** Where the caller finds the upstreams, in their order. */
  readonly ports: readonly number[];
  /** Puts a configuration in force at the caller. */
  apply(config: string): Promise<void>;
  /** One more endpoint of a service, whose application listens on that port. */
  endpoint(service: string, appPort: number): Promise<Sidecar>;
  /** Waits until the caller knows so many endpoints of a service. */
  knows(service: string, count: number): Promise<void>;
}

/** The port that every service exposes. */
export const SERVICE_PORT = 80;

/** Starts a mesh with a caller of these services. */
export async function startRoutedMesh(
  scope: Scope,
  services: readonly string[],
  args: readonly string[] = [],
  options: MeshOptions = {},
): Promise<RoutedMesh> {
  const mesh = await startMesh(scope, options);
  const upstreams = services.map((service) => `${service}:${SERVICE_PORT}`);
  const caller = await mesh.sidecar({ service: 'caller', upstreams, args });
  let version = 0;
  return {
    mesh,
    caller,
    ports: caller.upstreamPorts,
    async apply(config) {
      const file = path.join(mesh.directory, 'mesh.yaml');
      await writeFile(file, config);
      const { code, stdout, stderr } = await mesh.admin(['apply', '-f', file]);
      if (code !== 0) throw new Error(`apply failed with ${code}: ${stdout}${stderr}`);
      version += 1;
      await eventually(`version ${version} is in force at the caller`, async () => {
        const samples = await caller.metrics();
        return samples.sum('hauberk_policy_version') >= version || undefined;
      });
    },
    endpoint: (service, appPort) =>
      mesh.sidecar({ service, expose: [`${SERVICE_PORT}=127.0.0.1:${appPort}`] }),
    async knows(service, count) {
      await eventually(`the caller knows ${count} endpoints of ${service}`, async () => {
        const samples = await caller.metrics();
        const known = samples.sum('hauberk_endpoints', { service: `${service}.default` });
        return known === count || undefined;
      });
    },
  };
}
