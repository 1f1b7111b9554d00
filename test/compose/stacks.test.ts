// Three stacks of programs that nobody has changed, as people put them together: nginx, gunicorn, Postgres and Redis;
// nginx, PHP and MariaDB; a WebSocket, RabbitMQ and a worker. Without a mesh what they say to each other can be read on
// the bridges. Injected they do the same, through every verb of Compose v2, and nothing can be read. Databases and
// access logs see the clients that they would see without it (`client-address: preserve`).
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { dockerEngine, type DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE, TEST_VERIFY_IMAGE } from '../helpers/docker/images.ts';
import { requiresPeer } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';
import type { Caller } from './caller.ts';
import type { ComposeProject } from './project.ts';
import { settled } from './settled.ts';
import { seenOnTheWire } from './watched-project.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const STACKS = path.join(import.meta.dirname, 'stacks');
const HTTP_CALLERS = path.join(import.meta.dirname, 'shop/apps');
const V2 = 'docker-compose-v2';
const scope = fileScope();
const test = requiresPeer(V2);
/** Minutes, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;

let engine: DockerEngine;

test.serial('the images are built', async (t) => {
  t.timeout(TIMEOUT_MS);
  engine = await dockerEngine(scope);
  for (const [target, image] of [
    ['hauberk', TEST_IMAGE],
    ['verify', TEST_VERIFY_IMAGE],
  ] as const) {
    await engine.docker('build', '--quiet', '--target', target, '--tag', image, ROOT);
  }
  await engine.docker('build', '--quiet', '--tag', 'hauberk-test-stacks', STACKS);
  t.pass();
});

/** What is different from stack to stack. */
interface Stack {
  readonly name: string;
  readonly port: number;
  /** The folder of its caller. */
  readonly callers: string;
  /** An application, something to run in it, and what that prints. */
  readonly command: readonly [service: string, ...command: string[]];
  readonly prints: RegExp;
}

const STACK_LIST: readonly Stack[] = [
  {
    name: 'shop',
    port: 18_184,
    callers: HTTP_CALLERS,
    command: ['app', 'curl', '-s', 'http://nginx/healthy'],
    prints: /^ok$/,
  },
  {
    name: 'blog',
    port: 18_185,
    callers: HTTP_CALLERS,
    command: ['php', 'php', '-r', 'echo gethostbyname("db");'],
    prints: /^\d+\.\d+\.\d+\.\d+$/,
  },
  {
    name: 'queue',
    port: 18_186,
    callers: path.join(STACKS, 'queue'),
    command: ['worker', 'python3', '-c', 'import pika; print(pika.__version__)'],
    prints: /^\d+\.\d+/,
  },
];

/** Docker hands on what is called at a port of the host's loopback from the first address of the network. */
const CLIENT_OF_THE_HOST = /\d+\.\d+\.\d+\.1 - - \[/;

for (const { name, port, callers, command, prints } of STACK_LIST) {
  const options = { from: path.join(STACKS, name), callers, port, program: V2 } as const;

  test.serial(`${name}: without a mesh everything can be read`, async (t) => {
    t.timeout(TIMEOUT_MS);
    const seen = await seenOnTheWire(t, engine, { ...options, meshed: false }, async () => {});
    t.true(seen.marker > 4, `seen ${seen.marker} times`);
    t.true(seen.request > 0);
  });

  test.serial(`${name}: injected, every verb works and nothing can be read`, async (t) => {
    t.timeout(TIMEOUT_MS);
    const seen = await seenOnTheWire(t, engine, { ...options, meshed: true }, async (...story) => {
      await looksAround(t, story[0], command, prints);
      await isStoppedAndStarted(...story);
    });
    t.is(seen.marker, 0, 'never on the wire');
    t.true(seen.request > 0, 'the capture sees what is in plaintext');
    t.is(await seen.project.leftovers(), '');
  });
}

/** The verbs that change nothing. */
async function looksAround(
  t: ExecutionContext,
  { compose, folder }: ComposeProject,
  command: readonly string[],
  prints: RegExp,
): Promise<void> {
  await compose('config', '--quiet');
  const services = (await compose('config', '--services')).trim().split('\n');
  const running = (await compose('ps', '--format', '{{.Service}}')).trim().split('\n');
  t.deepEqual(running.toSorted(), services.toSorted());
  t.regex((await compose('exec', '-T', ...command)).trim(), prints);
  t.regex((await compose('run', '--rm', '--no-deps', '-T', ...command)).trim(), prints);
  await compose('cp', 'nginx:/etc/nginx/nginx.conf', path.join(folder, 'copied.conf'));
  t.regex(await compose('top', 'nginx'), /nginx: worker process/);
  t.regex(await compose('port', 'nginx-pod', '80'), /^127\.0\.0\.1:\d+\s*$/);
  t.regex(await compose('logs', 'nginx'), CLIENT_OF_THE_HOST);
  await compose('pull', '--ignore-pull-failures', 'nginx-pod');
  await t.throwsAsync(compose('up', '--detach', '--scale', 'nginx=2'), {
    message: /container_name|container name|unique name/i,
  });
}

/** The verbs that end something, of the whole project and of a pod. */
async function isStoppedAndStarted(project: ComposeProject, caller: Caller): Promise<void> {
  const { compose } = project;
  const ids = async (): Promise<readonly string[]> => [...(await project.containers()).values()];
  const inPlace = async (what: string): Promise<void> => {
    await settled(what, engine, ids);
    await caller.works(`${what}: answers`);
  };
  await compose('pause');
  await compose('unpause');
  await inPlace('pause, unpause');
  await compose('restart', '--timeout', '5');
  await inPlace('restart');
  await compose('stop', '--timeout', '5');
  await compose('start');
  await inPlace('stop, start');
  await compose('kill', 'nginx', 'nginx-sidecar');
  await compose('up', '--detach');
  await inPlace('kill, up');
}
