// `docker compose watch` on an injected project: what a developer changes reaches the application in the mesh, in each
// of the ways that `develop.watch` has. `npm run test:peers` runs it.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../helpers/deadline.ts';
import { dockerEngine, type DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';
import { endProcess } from '../helpers/docker/run.ts';
import { requiresPeer } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';
import { createProject, type ComposeProject } from './project.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const SOURCES = path.join(import.meta.dirname, 'watched-sources');
const V2 = 'docker-compose-v2';
const scope = fileScope();
const test = requiresPeer(V2);
/** Minutes, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;
const DEADLINE_MS = 5 * 60_000;

let engine: DockerEngine;
let project: ComposeProject;

/** Resolves when the application answers so, asked through both sidecars. */
async function answers(expected: string): Promise<void> {
  const ask = `fetch('http://api:9000').then((answer) => answer.text()).then(console.log)`;
  await eventually(
    `api answers ${expected}`,
    async () => {
      const said = await project
        .compose('exec', '-T', 'caller', 'node', '--eval', ask)
        .catch(() => '');
      return said.trim() === expected ? true : undefined;
    },
    DEADLINE_MS,
  );
}

const change = (name: string): Promise<void> =>
  writeFile(path.join(project.folder, 'app', name), 'second\n');

test.serial('a project whose sources are watched is brought up', async (t) => {
  t.timeout(TIMEOUT_MS);
  engine = await dockerEngine(scope);
  await engine.docker('build', '--quiet', '--target', 'hauberk', '--tag', TEST_IMAGE, ROOT);
  const folder = await mkdtemp(path.join(tmpdir(), 'hauberk-watch-'));
  scope.teardown(() => rm(folder, { recursive: true, force: true }));
  const name = `hauberkwatch${randomBytes(4).toString('hex')}`;
  const options = { folder, name, meshed: true, port: 0, from: SOURCES, program: V2 } as const;
  project = await createProject(scope, engine, options);
  await project.compose('up', '--detach', '--wait', '--build');
  await answers('first first first');
  t.pass();
});

test.serial('what is changed is synchronised, restarted or built again', async (t) => {
  t.timeout(TIMEOUT_MS);
  const file = path.join(project.folder, 'compose.yaml');
  const flags = ['--project-directory', project.folder, '--file', file, '--project-name'];
  const watch = spawn(V2, [...flags, project.name, 'watch', '--no-up'], {
    env: engine.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => endProcess(watch));
  let said = '';
  for (const stream of [watch.stdout, watch.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  }
  await eventually('the sources are watched', () => said.includes('Watch enabled') || undefined);
  await change('read-each-time');
  await answers('second first first');
  await change('read-at-start');
  await answers('second second first');
  await change('built-in');
  await answers('second second second');
  t.pass();
});
