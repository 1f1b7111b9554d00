// A project of three services on two networks, with links, replicas and health checks, as people write
// them. As it is, what the services say to each other can be read on its bridges. Injected, the same
// applications do the same, and nothing can be read: not when everything starts, and not while each
// container is restarted in turn, after which the project recovers by itself.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { dockerEngine, engineWith, type DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE, TEST_VERIFY_IMAGE } from '../helpers/docker/images.ts';
import { eventually } from '../helpers/deadline.ts';
import { runHauberk } from '../helpers/mesh/hauberk-process.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';
import { startCaller } from './caller.ts';
import { createProject, type ComposeProject } from './project.ts';
import { settled } from './settled.ts';
import { seenOnTheWire } from './watched-project.ts';
import { watchWire } from './wire.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const scope = fileScope();
const docker = requires('docker');
/** Minutes, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;

let engine: DockerEngine;

/** The first test, so that a machine without Docker does nothing here. */
docker.serial('the images are built', async (t) => {
  t.timeout(TIMEOUT_MS);
  engine = await dockerEngine(scope);
  const build = ['build', '--quiet', '--target'];
  await engine.docker(...build, 'hauberk', '--tag', TEST_IMAGE, ROOT);
  await engine.docker(...build, 'verify', '--tag', TEST_VERIFY_IMAGE, ROOT);
  const redis = path.join(import.meta.dirname, 'shop/redis');
  await engine.docker('build', '--quiet', '--tag', 'hauberk-test-redis', redis);

  const user = await engine.docker('image', 'inspect', '--format', '{{.Config.User}}', TEST_IMAGE);
  t.is(user.trim(), '15337:15337');
  const version = await engine.docker('run', '--rm', TEST_IMAGE, 'version');
  t.regex(version, /^hauberk \d/);
  const command = ['control-plane', '--data-dir', '/var/lib/hauberk'];
  const id = await engine.docker('run', '--detach', TEST_IMAGE, ...command);
  scope.teardown(() => engine.docker('rm', '--force', '--volumes', id.trim()));
  await eventually(
    'the health check of the image finds a control plane ready',
    async () => {
      const health = await engine.docker(
        'inspect',
        '--format',
        '{{.State.Health.Status}}',
        id.trim(),
      );
      return health.trim() === 'healthy' ? true : undefined;
    },
    120_000,
  );
  await engine.docker('rm', '--force', '--volumes', id.trim());
});

/** `hauberk verify` on the host of the engine, as an operator runs it. */
async function verifies(t: ExecutionContext, project: ComposeProject): Promise<void> {
  const args = ['verify', '--project', project.name, '--from', 'web', '--to', 'api', '--json'];
  const { code, stdout, stderr } = await runHauberk(args, {
    through: engine.enter,
    env: { DOCKER_HOST: engine.env['DOCKER_HOST'] ?? '' },
    deadlineMs: 120_000,
  });
  t.is(code, 0, `${stdout}\n${stderr}`);
  t.true((JSON.parse(stdout) as { readonly passed: boolean }).passed);
}

docker.serial('without a mesh everything can be read', async (t) => {
  t.timeout(TIMEOUT_MS);
  const seen = await seenOnTheWire(t, engine, { meshed: false, port: 18_180 }, async () => {});
  t.true(seen.marker > 4, `seen ${seen.marker} times`);
  t.true(seen.request > 0);
});

docker.serial('injected, nothing can be read, whatever is restarted', async (t) => {
  t.timeout(TIMEOUT_MS);
  const seen = await seenOnTheWire(
    t,
    engine,
    { meshed: true, port: 18_181 },
    async (project, caller) => {
      const ids = async (): Promise<readonly string[]> => [
        ...(await project.containers()).values(),
      ];
      const recovers = async (what: string): Promise<void> => {
        await settled(`${what}: all containers are in place`, engine, ids);
        await caller.works(`${what}: web answers again`);
      };
      const restart = async (service: string): Promise<void> => {
        await engine.docker('restart', '--time', '5', await project.container(service));
      };
      await verifies(t, project);
      const services = [...(await project.containers()).keys()];
      t.is(services.length, 14, services.join(' '));
      for (const service of services) {
        await restart(service);
        await recovers(`${service} restarted`);
      }

      for (const service of ['api-sidecar', 'api-2', 'hauberk-control-plane']) {
        // From inside, as a crash is; what the engine kills on demand it leaves dead.
        const id = await project.container(service);
        await engine.docker('exec', id, 'sh', '-c', 'kill -KILL -1').catch(() => {});
        await recovers(`${service} killed`);
      }

      // Without the keeper a sidecar finds back by itself, and the application when it is restarted.
      await engine.docker('stop', '--time', '5', await project.container('hauberk-keeper'));
      await restart('redis-pod');
      const pair = ['redis-pod', 'redis-sidecar'].map((service) => project.container(service));
      await settled('the sidecar is in its new pod', engine, () => Promise.all(pair));
      await caller.fails('redis is cut off while its pod is another');
      await restart('redis');
      await caller.works('redis restarted: web answers again');
    },
  );
  t.is(seen.marker, 0, 'never on the wire');
  t.true(seen.request > 0, 'the capture sees what is in plaintext');
  t.is(await seen.project.leftovers(), '');
});

/** What `hauberk status` knows of where the sidecars are. */
interface WhereRow {
  readonly service: string;
  readonly instance: string;
  readonly addresses: readonly string[];
  readonly provenAddresses: readonly string[];
  readonly conflicts: readonly unknown[];
}

/** How many addresses each service has, once all are proven and none is in conflict; and the conflicts before. */
async function provenPlaces(what: string, project: ComposeProject) {
  const conflicts: string[] = [];
  const places = await eventually(
    what,
    async () => {
      const control = await project.container('hauberk-control-plane');
      const json = await engine.docker('exec', control, 'hauberk', 'status', '--json');
      const rows = (JSON.parse(json) as { readonly sidecars: readonly WhereRow[] }).sidecars;
      for (const row of rows) {
        if (row.conflicts.length > 0) conflicts.push(JSON.stringify(row));
      }
      const isProven = ({ addresses, provenAddresses, conflicts: found }: WhereRow): boolean =>
        addresses.length > 0 &&
        addresses.every((address) => provenAddresses.includes(address)) &&
        found.length === 0;
      if (rows.length !== 4 || !rows.every(isProven)) return undefined;
      return rows.map(({ service, addresses }) => `${service} ${addresses.length}`).toSorted();
    },
    120_000,
  );
  return { places, conflicts };
}

docker.serial(
  'who is in two networks is proven in both, also when addresses change hands',
  async (t) => {
    t.timeout(TIMEOUT_MS);
    const folder = await mkdtemp(path.join(tmpdir(), 'hauberk-compose-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const name = `hauberkplace${randomBytes(4).toString('hex')}`;
    const port = 18_183;
    const project = await createProject(t, engine, { folder, name, meshed: true, port });
    const apps = path.join(folder, 'apps');
    const caller = startCaller(t, engine, { apps, port, run: randomBytes(8).toString('hex') });
    await project.compose('up', '--detach');
    await caller.works('web answers through api and redis');
    const everywhere = ['api 2', 'api 2', 'redis 1', 'web 1'];
    t.deepEqual(await provenPlaces('all addresses are proven', project), {
      places: everywhere,
      conflicts: [],
    });

    // Both leave, a stranger takes the lowest address that is free, and so redis gets one that an api had.
    const [one, other] = ['api-pod', 'redis-pod'];
    const [pod, redis] = [await project.container(one), await project.container(other)];
    const addressesOf = async (id: string): Promise<readonly string[]> => {
      const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
      return (await engine.docker('inspect', '--format', format, id)).trim().split(' ');
    };
    const before = await addressesOf(pod);
    await engine.docker('stop', '--time', '2', pod, redis);
    const stranger = ['--network', `${name}_back`, 'node:26-slim', 'sleep', '900'];
    const id = (await engine.docker('run', '--detach', '--init', ...stranger)).trim();
    t.teardown(() => engine.docker('rm', '--force', id));
    await engine.docker('start', redis);
    await engine.docker('start', pod);
    const [taken = ''] = await addressesOf(redis);
    t.true(before.includes(taken), `${taken} was one of ${before.join(', ')}`);
    const ids = async (): Promise<readonly string[]> => [...(await project.containers()).values()];
    await settled('all containers are in place', engine, ids);
    await caller.works('web answers again');
    const after = await provenPlaces('all are proven where they are now', project);
    t.deepEqual(after.places, everywhere);
    await caller.stop();
  },
);

docker.serial('the mesh to look at: docker compose up', async (t) => {
  t.timeout(TIMEOUT_MS);
  const name = `hauberklook${randomBytes(4).toString('hex')}`;
  const file = ['--file', path.join(ROOT, 'compose.yaml'), '--project-name', name];
  const port = 18_182;
  const env = { ...engine.env, WEB_PORT: String(port), HAUBERK_IMAGE: TEST_IMAGE };
  const withPort = engineWith(env);
  const compose = (...args: readonly string[]) => withPort.compose(...file, ...args);
  t.teardown(() => compose('down', '--volumes', '--timeout', '2'));
  await compose('up', '--detach', 'web', 'api');
  const label = `label=com.docker.compose.project=${name}`;
  const sidecar = ['--filter', label, '--filter', 'label=com.docker.compose.service=api-sidecar'];
  const id = (await engine.docker('ps', '--quiet', ...sidecar)).trim();
  const wire = await watchWire(t, engine, `container:${id}`);
  const call = `fetch('http://127.0.0.1:${port}').then((r) => r.text()).then(console.log)`;
  const answer = await eventually(
    'web answers',
    async () => {
      const run = ['run', '--rm', '--network', 'host', 'node:26-slim', 'node', '--eval', call];
      return await engine.docker(...run).catch(() => undefined);
    },
    90_000,
  );
  t.regex(answer, /web asked, and got: hello number \d+ from api/);
  const captured = (await wire.stop()).toString('latin1');
  t.false(captured.includes('from api'));
});
