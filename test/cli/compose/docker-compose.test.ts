// Compose itself reads what inject wrote, and finds the same applications in it: the `docker-compose` on
// the PATH, which needs no engine for it. Debian has 1.29. For v2, build it from its Go module, which
// takes minutes (github.com/docker/compose/v2/cmd), and put it there by that name.
import { execFile } from 'node:child_process';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import {
  injectProject,
  PROJECTS_FOLDER,
  servicesOf,
  type Services,
  withoutNetworkCheck,
} from './compose-projects.ts';

const run = promisify(execFile);

/** The same in both, whatever becomes of the network. */
const SAME = ['image', 'build', 'command', 'entrypoint', 'environment', 'healthcheck', 'user'];

const VARIABLES = { TAG: '1', HOSTNAME: 'here', COMPOSE_PROJECT_NAME: 'demo' };

/** Where a mistake of ours would change what Compose makes of the applications. */
const COMPARED = ['anchors', 'extends', 'legacy-v3', 'variables', 'web-api-redis'];

/** Where Compose could refuse what we write. */
const READ = ['addresses', 'annotations', 'one-shot', 'profiles', 'shared-network'];

for (const name of COMPARED) {
  requires('docker-compose').serial(`docker-compose finds the same in ${name}`, async (t) => {
    await using folder = await projectFolder(name);
    const before = await configOf(folder.path, `${name}.yaml`);
    const after = await configOf(folder.path, 'mesh.yaml');
    for (const [service, original] of Object.entries(before)) {
      const found = after[service] ?? after[`${service}-1`];
      for (const key of SAME)
        t.deepEqual(withoutNetworkCheck(found?.[key]), original[key], `${service}: ${key}`);
      t.deepEqual(mounts(found), mounts(original), service);
    }
  });
}

for (const name of READ) {
  requires('docker-compose').serial(`docker-compose reads ${name}`, async (t) => {
    await using folder = await projectFolder(name);
    const after = await configOf(folder.path, 'mesh.yaml');
    t.true('hauberk-control-plane' in after);
  });
}

async function projectFolder(name: string): ReturnType<typeof temporaryDirectory> {
  const folder = await temporaryDirectory();
  await cp(PROJECTS_FOLDER, folder.path, { recursive: true });
  await writeFile(join(folder.path, '.env'), 'FROM_FILE=1\n');
  await writeFile(
    join(folder.path, 'mesh.yaml'),
    injectProject(name, { composeV1: true }).output ?? '',
  );
  return folder;
}

/** In which order volumes are listed means nothing. */
function mounts(service: Services[string] | undefined): unknown {
  const volumes = (withoutNetworkCheck(service?.['volumes']) ?? []) as readonly unknown[];
  return volumes.map((volume) => JSON.stringify(volume)).toSorted();
}

async function configOf(folder: string, file: string): Promise<Services> {
  const env = { ...process.env, ...VARIABLES };
  const { stdout } = await run('docker-compose', ['-f', file, 'config'], { cwd: folder, env });
  return servicesOf(stdout);
}
