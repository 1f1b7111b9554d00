// Every verb of docker-compose 1.29 on a project injected with --compose-v1, each on an application, its sidecar and its
// pod, without a keeper: it works as without the mesh, or what is to be done instead does. docs/inject.md has the list.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { dockerEngine, type DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';
import { startCaller, type Caller } from './caller.ts';
import { createProject, type ComposeProject } from './project.ts';
import { settled } from './settled.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const scope = fileScope();
const docker = requires('docker', 'docker-compose');
/** Minutes, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;
const PORT = 18_191;
const CALL = `fetch('http://api:9000/x').then((answer) => console.log(answer.status))`;

let engine: DockerEngine;
let project: ComposeProject;
let caller: Caller;

/** All containers run, are healthy, are in the network that their pod has now, and answer. */
async function inPlace(what: string): Promise<void> {
  await settled(what, engine, async () => [...(await project.containers()).values()]);
  await caller.works(`${what}: web answers through api and redis`);
}

/** The sentence that a command fails with. */
async function failure(...args: readonly string[]): Promise<string> {
  const failed = project.compose(...args).then(
    () => '',
    (error: unknown) => (error as Error).message,
  );
  return await failed;
}

docker.serial('the project is brought up', async (t) => {
  t.timeout(TIMEOUT_MS);
  engine = await dockerEngine(scope);
  await engine.docker('build', '--quiet', '--target', 'hauberk', '--tag', TEST_IMAGE, ROOT);
  const redis = path.join(import.meta.dirname, 'shop/redis');
  await engine.docker('build', '--quiet', '--tag', 'hauberk-test-redis', redis);
  const folder = await mkdtemp(path.join(tmpdir(), 'hauberk-verbs-v1-'));
  scope.teardown(() => rm(folder, { recursive: true, force: true }));
  const name = `hauberkverbs${randomBytes(4).toString('hex')}`;
  const program = 'docker-compose';
  project = await createProject(scope, engine, { folder, name, meshed: true, port: PORT, program });
  t.regex(await project.compose('version', '--short'), /^1\./, 'as the distribution has it');
  await project.compose('config', '--quiet');
  const run = randomBytes(8).toString('hex');
  caller = startCaller(scope, engine, { apps: path.join(folder, 'apps'), port: PORT, run });
  await project.compose('up', '--detach');
  await inPlace('up');
});

docker.serial('ps, exec, logs, top and images work on an application', async (t) => {
  const ids = await project.compose('ps', '--quiet', 'web');
  t.is(ids.trim(), await project.container('web'));
  t.regex(await project.compose('exec', '-T', 'api', 'node', '--version'), /^v/);
  t.regex(await project.compose('exec', '-T', 'api-2', 'node', '--version'), /^v/);
  t.regex(await project.compose('logs', 'web'), /Attaching to \S+web_1/);
  t.regex(await project.compose('top', 'web'), /node/);
  t.regex(await project.compose('images', 'web'), /26-slim/);
});

docker.serial('ports are those of the pod', async (t) => {
  t.is((await project.compose('port', 'web-pod', '8080')).trim(), `127.0.0.1:${PORT}`);
  t.is((await project.compose('port', 'web', '8080')).trim(), '');
});

docker.serial('run works while the service itself is stopped', async (t) => {
  t.timeout(TIMEOUT_MS);
  const command = ['run', '--rm', '-T', 'web', 'node', '--eval', CALL];
  t.regex(await failure(...command), /container type network can't be used with links/);
  await project.compose('stop', '--timeout', '5', 'web');
  t.regex(await project.compose(...command), /\d\d\d/);
  await project.compose('start', 'web');
  await inPlace('run');
});

docker.serial('pull looks for our image where the others are', async (t) => {
  // This one was made here, and no registry has it.
  t.not(await failure('pull', '--quiet', 'web-pod'), '');
});

docker.serial('scale is refused, and one is what there was before', async (t) => {
  t.timeout(TIMEOUT_MS);
  for (const scale of [
    ['scale', 'web=2'],
    ['up', '--detach', '--scale', 'web=2'],
  ]) {
    t.regex(await failure(...scale), /container name \S+ is already in use/);
  }
  await project.compose('up', '--detach');
  await inPlace('scale');
});

for (const service of ['web', 'web-sidecar', 'web-pod']) {
  docker.serial(`pause, stop, kill and restart of ${service} are undone`, async (t) => {
    t.timeout(TIMEOUT_MS);
    // The sidecar follows a pod by itself.
    const follow = service.endsWith('-pod') ? ['restart', '--timeout', '5', 'web'] : undefined;
    const isUndone = async (what: string): Promise<void> => {
      if (follow !== undefined) await project.compose(...follow);
      await inPlace(`${what} ${service}`);
    };
    await project.compose('pause', service);
    await project.compose('unpause', service);
    await inPlace(`unpause ${service}`);
    await project.compose('restart', '--timeout', '5', service);
    await isUndone('restart');
    await project.compose('stop', '--timeout', '5', service);
    await project.compose('start', service);
    await isUndone('stop, start');
    await project.compose('kill', service);
    await project.compose('up', '--detach');
    await isUndone('kill, up');
    t.pass();
  });
}

docker.serial('the whole project is stopped, killed, restarted and made again', async (t) => {
  t.timeout(TIMEOUT_MS);
  await project.compose('kill');
  await project.compose('up', '--detach');
  await inPlace('kill, up');
  // It restarts in no order: what comes before its pod stays down, or is left behind in the former network.
  await project.compose('restart', '--timeout', '5');
  await project.compose('stop', '--timeout', '5');
  await project.compose('start');
  await inPlace('stop, start');
  await project.compose('up', '--detach', '--force-recreate');
  await inPlace('up --force-recreate');
  t.pass();
});

docker.serial('down leaves nothing behind', async (t) => {
  t.timeout(TIMEOUT_MS);
  await caller.stop();
  await project.down();
  t.is(await project.leftovers(), '');
});
