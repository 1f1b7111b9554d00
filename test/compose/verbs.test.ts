// Every verb of Compose v2 on an injected project, each on an application, its sidecar and its pod: it works as
// without the mesh, or fails with a sentence. What is different stands in docs/inject.md. `npm run test:peers` runs it.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../helpers/deadline.ts';
import { dockerEngine, type DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';
import { requiresPeer } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';
import { startCaller, type Caller } from './caller.ts';
import { createProject, type ComposeProject } from './project.ts';
import { settled } from './settled.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const V2 = 'docker-compose-v2';
const scope = fileScope();
const test = requiresPeer(V2);
/** Minutes, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;
const PORT = 18_190;

let engine: DockerEngine;
let project: ComposeProject;
let caller: Caller;

const works = (what: string): Promise<void> =>
  caller.works(`${what}: web answers through api and redis`);

/** All containers run, are healthy, and are in the network that their pod has now. */
async function inPlace(what: string): Promise<void> {
  await settled(what, engine, async () => [...(await project.containers()).values()]);
  await works(what);
}

/** The sentence that a command fails with. */
async function failure(...args: readonly string[]): Promise<string> {
  try {
    await project.compose(...args);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`docker compose ${args.join(' ')} was expected to fail`);
}

test.serial('the project is brought up', async (t) => {
  t.timeout(TIMEOUT_MS);
  engine = await dockerEngine(scope);
  await engine.docker('build', '--quiet', '--target', 'hauberk', '--tag', TEST_IMAGE, ROOT);
  const redis = path.join(import.meta.dirname, 'shop/redis');
  await engine.docker('build', '--quiet', '--tag', 'hauberk-test-redis', redis);
  const folder = await mkdtemp(path.join(tmpdir(), 'hauberk-verbs-'));
  scope.teardown(() => rm(folder, { recursive: true, force: true }));
  const name = `hauberkverbs${randomBytes(4).toString('hex')}`;
  project = await createProject(scope, engine, {
    folder,
    name,
    meshed: true,
    port: PORT,
    program: V2,
  });
  await project.compose('config', '--quiet');
  const run = randomBytes(8).toString('hex');
  caller = startCaller(scope, engine, { apps: path.join(folder, 'apps'), port: PORT, run });
  await project.compose('up', '--detach', '--wait');
  await inPlace('up');
  t.pass();
});

test.serial(
  'ps shows the applications under the names that they have without the mesh',
  async (t) => {
    const names = (await project.compose('ps', '--format', '{{.Service}} {{.Name}}'))
      .trim()
      .split('\n');
    for (const [service, container] of [
      ['web', 'web-1'],
      ['api', 'api-1'],
      ['api-2', 'api-2'],
      ['redis', 'redis-1'],
    ]) {
      t.true(names.includes(`${service} ${project.name}-${container}`), names.join('\n'));
    }
  },
);

test.serial('exec, logs, cp, top and run work on an application', async (t) => {
  t.regex(await project.compose('exec', '-T', 'api', 'node', '--version'), /^v/);
  t.regex(await project.compose('exec', '-T', 'api-2', 'node', '--version'), /^v/);
  t.is(typeof (await project.compose('logs', 'web')), 'string');
  await project.compose('cp', 'web:/apps/web.mjs', path.join(project.folder, 'copied.mjs'));
  t.regex(await project.compose('top', 'web'), /node/);
  const call = `fetch('http://api:9000/x').then((answer) => console.log(answer.status))`;
  t.regex(await project.compose('run', '--rm', '-T', 'web', 'node', '-e', call), /\d\d\d/);
  const byName = `fetch('http://${project.name}-api-2:9000/x').then((answer) => console.log(answer.status))`;
  t.regex(await project.compose('exec', '-T', 'web', 'node', '-e', byName), /\d\d\d/);
});

test.serial('ports are those of the pod', async (t) => {
  t.is((await project.compose('port', 'web-pod', '8080')).trim(), `127.0.0.1:${PORT}`);
  t.regex(await failure('port', 'web', '8080'), /no port 8080/);
});

test.serial('scale is refused with a sentence, and leaves everything as it is', async (t) => {
  for (const scale of [
    ['scale', 'web=2'],
    ['up', '--detach', '--scale', 'api=3'],
  ]) {
    t.regex(await failure(...scale), /custom container name|container_name|unique name/i);
  }
  await inPlace('scale');
});

test.serial('pull leaves an image alone that was built here', async (t) => {
  await project.compose('pull', 'web-pod', 'web-sidecar', 'hauberk-control-plane');
  t.pass();
});

for (const service of ['web', 'web-sidecar', 'web-pod']) {
  test.serial(
    `pause, stop, kill and restart of ${service} are undone as without the mesh`,
    async (t) => {
      t.timeout(TIMEOUT_MS);
      await project.compose('pause', service);
      await project.compose('unpause', service);
      await works(`unpause ${service}`);
      await project.compose('restart', '--timeout', '5', service);
      await inPlace(`restart ${service}`);
      // What shares the network of a pod has to be restarted with it, unless a keeper does that.
      const back = service.endsWith('-pod')
        ? ['restart', '--timeout', '5', service]
        : ['up', '--detach', '--wait'];
      await project.compose('stop', '--timeout', '5', service);
      await project.compose(...back);
      await inPlace(`stop ${service}, ${back[0]}`);
      await project.compose('kill', service);
      await project.compose(...back);
      await inPlace(`kill ${service}, ${back[0]}`);
      t.pass();
    },
  );
}

// The check of api is in the file, that of redis in its image, which has no shell.
for (const service of ['api', 'redis']) {
  test.serial(`${service} is not healthy when its pod has left it behind`, async (t) => {
    t.timeout(TIMEOUT_MS);
    // Not Compose, which restarts what shares the network with it.
    await engine.docker('restart', '--time', '1', await project.container(`${service}-pod`));
    const left = await project.container(service);
    const format = '{{.State.Health.Status}} {{(index .State.Health.Log 0).Output}}';
    const said = await eventually(
      `${service} is unhealthy`,
      async () => {
        const health = await engine.docker('inspect', '--format', format, left);
        return health.startsWith('unhealthy ') ? health : undefined;
      },
      120_000,
    );
    t.regex(said, /restart this container/);
    await project.compose('restart', '--timeout', '5', `${service}-pod`);
    await inPlace(`restart ${service}-pod`);
  });
}

test.serial('restart, and stop and start, bring the whole project back', async (t) => {
  t.timeout(TIMEOUT_MS);
  await project.compose('restart', '--timeout', '5');
  await inPlace('restart');
  await project.compose('stop', '--timeout', '5');
  await project.compose('start');
  await inPlace('stop, start');
  await project.compose('kill');
  await project.compose('up', '--detach', '--wait');
  await inPlace('kill, up');
  await project.compose('up', '--detach', '--wait', '--force-recreate');
  await inPlace('up --force-recreate');
  t.pass();
});

test.serial('down leaves nothing behind', async (t) => {
  t.timeout(TIMEOUT_MS);
  await caller.stop();
  await project.down();
  t.is(await project.leftovers(), '');
});
