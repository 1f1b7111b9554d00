import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DockerEngine } from '../helpers/docker/docker-engine.ts';
import type { Scope } from '../helpers/scope.ts';
import { startCaller, type Caller } from './caller.ts';
import { createProject, type ComposeProject, type ComposeProjectOptions } from './project.ts';
import { watchWire } from './wire.ts';

/** What a capture of everything between the services has shown. */
export interface Seen {
  /** How often what the services say to each other was there to be read. */
  readonly marker: number;
  /** The same of what the caller says in plaintext by intention: it shows that we look. */
  readonly request: number;
  readonly project: ComposeProject;
}

/** Which project, and the folder that has `caller.mjs`, where it is not `apps` in it. */
export type WatchedOptions = Omit<ComposeProjectOptions, 'folder' | 'name'> & {
  readonly callers?: string;
};

/** Brings a project up and calls it while `story` runs; gives how often the wire showed what is said. */
export async function seenOnTheWire(
  scope: Scope,
  engine: DockerEngine,
  { callers, ...options }: WatchedOptions,
  story: (project: ComposeProject, caller: Caller) => Promise<void>,
): Promise<Seen> {
  const folder = await mkdtemp(path.join(tmpdir(), 'hauberk-compose-'));
  scope.teardown(() => rm(folder, { recursive: true, force: true }));
  const name = `hauberk${options.meshed ? 'mesh' : 'plain'}${randomBytes(4).toString('hex')}`;
  const project = await createProject(scope, engine, { folder, name, ...options });
  const wire = await watchWire(scope, engine, 'host');
  const run = randomBytes(8).toString('hex');
  const apps = callers ?? path.join(folder, 'apps');
  const caller = startCaller(scope, engine, { apps, port: options.port, run });
  await project.compose('up', '--detach');
  await caller.works('the project answers');
  await story(project, caller);
  await caller.stop();
  const captured = (await wire.stop()).toString('latin1');
  await project.down();
  const marker = createHash('sha256').update(run).digest('hex').slice(0, 32);
  const count = (text: string): number => captured.split(text).length - 1;
  return { marker: count(marker), request: count(`${run}/`), project };
}
