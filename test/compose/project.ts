import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DockerEngine } from '../helpers/docker/docker-engine.ts';
import { runHauberk } from '../helpers/hauberk-process.ts';
import type { Scope } from '../helpers/scope.ts';

/** A Compose project in a folder of its own. */
export interface ComposeProject {
  readonly name: string;
  readonly folder: string;
  /** Runs Compose on it. */
  compose(...args: readonly string[]): Promise<string>;
  /** The id of the container of a service, running or not. */
  container(service: string): Promise<string>;
  /** Ends it, with its networks and volumes. */
  down(): Promise<void>;
  /** What the engine still has of it: containers, networks and volumes. */
  leftovers(): Promise<string>;
}

/** What is different from project to project. */
export interface ComposeProjectOptions {
  readonly folder: string;
  readonly name: string;
  readonly meshed: boolean;
  /** At which web is published on loopback. */
  readonly port: number;
}

const SHOP = join(import.meta.dirname, 'shop');

/** Copies the project `shop`; it is down again when the scope ends. */
export async function createProject(
  scope: Scope,
  engine: DockerEngine,
  { folder, name, meshed, port }: ComposeProjectOptions,
): Promise<ComposeProject> {
  await cp(SHOP, folder, { recursive: true });
  await writeFile(join(folder, '.env'), `WEB_PORT=${port}\n`);
  const file = join(folder, 'compose.yaml');
  if (meshed) {
    const { code, stdout, stderr } = await runHauberk(['inject', file, '--project', name]);
    if (code !== 0) throw new Error(`inject failed with ${code}: ${stderr}`);
    await writeFile(file, stdout);
  }
  const compose = (...args: readonly string[]): Promise<string> =>
    engine.compose('--project-directory', folder, '--file', file, '--project-name', name, ...args);
  const label = `label=com.docker.compose.project=${name}`;
  const list = async (kind: string, ...all: readonly string[]): Promise<string> =>
    (await engine.docker(kind, 'ls', ...all, '--quiet', '--filter', label)).trim();
  const down = async (): Promise<void> => {
    await compose('down', '--volumes', '--timeout', '5');
  };
  scope.teardown(down);
  return {
    name,
    folder,
    compose,
    down,
    async container(service) {
      const of = `label=com.docker.compose.service=${service}`;
      const ids = ['ps', '--all', '--quiet', '--no-trunc', '--filter', label, '--filter', of];
      return (await engine.docker(...ids)).trim();
    },
    leftovers: async () =>
      [await list('container', '--all'), await list('network'), await list('volume')]
        .filter((ids) => ids !== '')
        .join('\n'),
  };
}
