import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';
import { run } from '../helpers/docker/run.ts';
import { runHauberk } from '../helpers/mesh/hauberk-process.ts';
import type { Scope } from '../helpers/scope.ts';

/** A Compose project in a folder of its own. */
export interface ComposeProject {
  readonly name: string;
  readonly folder: string;
  /** Runs Compose on it. */
  compose(...args: readonly string[]): Promise<string>;
  /** The id of the container of a service, running or not. */
  container(service: string): Promise<string>;
  /** The ids of all of its containers, running or not, by their services. */
  containers(): Promise<ReadonlyMap<string, string>>;
  /** Ends it, with its networks and volumes. */
  down(): Promise<void>;
  /** What the engine still has of it: containers, networks and volumes. */
  leftovers(): Promise<string>;
}

/** Compose v2, as `npm run test:peers` builds it, and 1.29, as the distribution has it. */
export type ComposeProgram = 'docker-compose-v2' | 'docker-compose';

/** What is different from project to project. */
export interface ComposeProjectOptions {
  readonly folder: string;
  readonly name: string;
  readonly meshed: boolean;
  /** At which web is published on loopback. */
  readonly port: number;
  /** The folder that it is copied from; by default the project `shop`. */
  readonly from?: string;
  /** The program of Compose, where it shall be that and no keeper; otherwise the one of the engine. */
  readonly program?: ComposeProgram;
}

/** A restart goes from container to container, on machines that have other things to do. */
const DEADLINE_MS = 5 * 60_000;

const SHOP = join(import.meta.dirname, 'shop');

function dockerVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const own = Object.entries(env).filter(([key]) => key.startsWith('DOCKER_'));
  return Object.fromEntries(own.map(([key, value = '']) => [key, value]));
}

/** Copies a project; it is down again when the scope ends. */
export async function createProject(
  scope: Scope,
  engine: DockerEngine,
  { folder, name, meshed, port, program, from = SHOP }: ComposeProjectOptions,
): Promise<ComposeProject> {
  await cp(from, folder, { recursive: true });
  const socket = engine.env['DOCKER_HOST']?.replace(/^unix:\/\//, '') ?? '/var/run/docker.sock';
  await writeFile(join(folder, '.env'), `WEB_PORT=${port}\nHAUBERK_ENGINE_SOCKET=${socket}\n`);
  const file = join(folder, 'compose.yaml');
  if (meshed) {
    const argv = [
      'inject',
      file,
      `--project=${name}`,
      `--image=${TEST_IMAGE}`,
      ...(program === 'docker-compose-v2' ? [] : ['--compose-v1']),
      ...(program === undefined ? ['--keeper'] : []),
    ];
    // The engine is asked for the health checks of images.
    const { code, stdout, stderr } = await runHauberk(argv, { env: dockerVariables(engine.env) });
    if (code !== 0) throw new Error(`inject failed with ${code}: ${stderr}`);
    await writeFile(file, stdout);
  }
  const project = ['--project-directory', folder, '--file', file, '--project-name', name];
  const compose = (...args: readonly string[]): Promise<string> =>
    program === undefined
      ? engine.compose(...project, ...args)
      : run([program, ...project, ...args], { env: engine.env, deadlineMs: DEADLINE_MS });
  const label = `label=com.docker.compose.project=${name}`;
  const list = async (kind: string, ...all: readonly string[]): Promise<string> =>
    (await engine.docker(kind, 'ls', ...all, '--quiet', '--filter', label)).trim();
  const down = async (): Promise<void> => {
    await compose('down', '--volumes', '--timeout', '5');
  };
  scope.teardown(down);
  const containers = async (): Promise<ReadonlyMap<string, string>> => {
    const format = '{{.Label "com.docker.compose.service"}} {{.ID}}';
    const all = ['ps', '--all', '--no-trunc', '--filter', label, '--format', format];
    const lines = (await engine.docker(...all)).trim().split('\n').toSorted();
    return new Map(lines.map((line) => line.split(' ') as [string, string]));
  };
  return {
    name,
    folder,
    compose,
    down,
    containers,
    container: async (service) => (await containers()).get(service) ?? '',
    leftovers: async () =>
      [await list('container', '--all'), await list('network'), await list('volume')]
        .filter((ids) => ids !== '')
        .join('\n'),
  };
}
