import { readdir } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import { connectAdmin, type AdminClient } from '../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import path from 'node:path';
import { eventually } from '../deadline.ts';
import type { HauberkProcess } from './hauberk-process.ts';
import { startHttpApp, type HttpApp } from '../servers/http-app.ts';
import { startHttpLoad, type HttpLoad } from '../clients/http-load.ts';
import { startMesh, type Mesh, type Sidecar } from './mesh.ts';
import { INSPECTED, retainedBytes } from '../machine/process-memory.ts';
import type { Scope } from '../scope.ts';

/** A mesh under attack: `web` calls `api` all the time, and must not notice. */
export interface BesiegedMesh {
  readonly mesh: Mesh;
  readonly app: HttpApp;
  readonly api: Sidecar;
  readonly web: Sidecar;
  /** Calls `api` through the mesh. */
  readonly load: HttpLoad;
  readonly admin: AdminClient;
  /** Asserts that requests still go through, and that none has failed since the start. */
  unharmed(t: ExecutionContext): Promise<void>;
}

/** Restful enough to leave the processors to the attack, busy enough to notice every hiccup. */
const LOAD = { concurrency: 4, paceMs: 10 };

/** Starts control plane, `api` with an application, `web`, and the load; all end with the scope. */
export async function besiege(scope: Scope): Promise<BesiegedMesh> {
  const mesh = await startMesh(scope, { controlPlaneEnv: INSPECTED });
  const app = await startHttpApp(scope, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, env: INSPECTED });
  // Last, so that it knows the other as soon as it is ready.
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'], env: INSPECTED });
  const { dataDirectory, grpcPort } = mesh.controlPlane;
  const admin = connectAdmin({
    address: { host: '127.0.0.1', port: grpcPort },
    credential: readAdminCredential(path.join(dataDirectory, 'admin.pem')),
  });
  scope.teardown(() => admin.close());
  const [port = 0] = web.upstreamPorts;
  const load = startHttpLoad(scope, { port, ...LOAD });
  await load.more(20);
  return {
    mesh,
    app,
    api,
    web,
    load,
    admin,
    async unharmed(t) {
      await load.more(50);
      if (load.result.failed > 0) t.log(complaintsOf(web, api));
      t.deepEqual(load.result.failures, []);
      t.is(load.result.bodies.get('api'), load.result.requests);
    },
  };
}

/** What the sidecars of the load said about it, for whoever looks into a failure. */
function complaintsOf(...sidecars: readonly Sidecar[]): string {
  const lines = sidecars.flatMap(({ process }) => process.log);
  return lines
    .filter(({ level }) => level !== 'info')
    .map((line) => JSON.stringify(line))
    .join('\n');
}

/** What a process holds: retained bytes, and open files where the system tells. */
export interface Holdings {
  readonly bytes: number;
  readonly files: number;
}

/** What the process holds now. */
export async function holdingsOf(process: HauberkProcess): Promise<Holdings> {
  return { bytes: await retainedBytes(process), files: await openFiles(process.pid) };
}

/** Resolves when the process has let go of what it was made to hold; names what it kept otherwise. */
export async function returnsTo(
  process: HauberkProcess,
  before: Holdings,
  { moreBytes, moreFiles }: { readonly moreBytes: number; readonly moreFiles: number },
): Promise<void> {
  let now = before;
  try {
    await eventually('memory and files return', async () => {
      now = await holdingsOf(process);
      const returned =
        now.bytes - before.bytes <= moreBytes && now.files - before.files <= moreFiles;
      return returned || undefined;
    });
  } catch (cause) {
    const held = `${now.bytes - before.bytes} bytes and ${now.files - before.files} files more`;
    throw new Error(`the process went on to hold ${held}`, { cause });
  }
}

/** Open file descriptors; 0 where there is no /proc. */
async function openFiles(pid: number): Promise<number> {
  try {
    return (await readdir(`/proc/${pid}/fd`)).length;
  } catch {
    return 0;
  }
}
