import { spawnSync } from 'node:child_process';
import { eventually } from '../deadline.ts';
import { isPresent } from '../machine/system-programs.ts';
import type { Scope } from '../scope.ts';
import { BASE_IMAGE, makeBaseImage } from './base-image.ts';
import { OWN_ENGINE_PROGRAMS, startOwnEngine, type OwnEngine } from './own-engine.ts';
import { run } from './run.ts';

/** A Docker engine that answers. */
export interface DockerEngine {
  /** What `docker` and `docker-compose` are started with. */
  readonly env: NodeJS.ProcessEnv;
  /** Before a command that has to run on the engine's own host: what takes it there. */
  readonly enter: readonly string[];
  /** Runs `docker` to its end and resolves with its output; throws when it fails. */
  docker(...args: readonly string[]): Promise<string>;
  /** The same for Compose, whichever generation is there. */
  compose(...args: readonly string[]): Promise<string>;
}

/** Images are built and containers waited for on machines that have other things to do. */
const DEADLINE_MS = 8 * 60_000;

/** The variable that says that the engine was started for all test files. */
export const SHARED_ENGINE = 'HAUBERK_TEST_SHARED_ENGINE';

/** The variable that holds the process of an engine that was started here. */
const ENGINE_PID = 'HAUBERK_TEST_ENGINE_PID';

let answer: boolean | undefined;

/** Whether there is an engine and Compose, or all that it takes to start an engine. */
export function canRunDocker(): boolean {
  answer ??=
    composeCommand(process.env) !== undefined &&
    (answersDocker(process.env) ||
      (process.getuid?.() === 0 && OWN_ENGINE_PROGRAMS.every(isPresent)));
  return answer;
}

/**
 * The engine of this machine where one answers; otherwise one that is started for this test file, in
 * namespaces of its own, with the base image made here, and that ends without a trace.
 */
export async function dockerEngine(scope: Scope): Promise<DockerEngine> {
  if (answersDocker(process.env)) {
    const engine = engineWith(process.env);
    if (process.env[SHARED_ENGINE] === '1') await baseImage(engine);
    return engine;
  }
  const own = await startOwnEngine(scope);
  const env = ownEngineEnvironment(own);
  await makeBaseImage(scope, env, own.directory);
  return engineWith(env);
}

/** Waits for whoever makes it. */
async function baseImage({ docker }: DockerEngine): Promise<void> {
  await eventually(
    `${BASE_IMAGE} is made`,
    () =>
      docker('image', 'inspect', BASE_IMAGE).then(
        () => true,
        () => undefined,
      ),
    DEADLINE_MS,
  );
}

/** What programs that talk to an engine of our own are started with. */
export function ownEngineEnvironment({ host, pid }: OwnEngine): NodeJS.ProcessEnv {
  // Distributions ship engines and clients that have no BuildKit.
  const noBuildKit = { DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' };
  return { ...process.env, DOCKER_HOST: host, [ENGINE_PID]: pid, ...noBuildKit };
}

/** The engine that `docker` and Compose talk to in this environment. */
export function engineWith(env: NodeJS.ProcessEnv): DockerEngine {
  const compose = composeCommand(env) ?? [];
  const options = { env, deadlineMs: DEADLINE_MS };
  const pid = env[ENGINE_PID];
  return {
    env,
    enter: pid === undefined ? [] : ['nsenter', `--target=${pid}`, '--mount', '--net', '--pid'],
    docker: (...args) => run(['docker', ...args], options),
    compose: (...args) => run([...compose, ...args], options),
  };
}

/** Whether an engine answers in this environment. */
export function answersDocker(env: NodeJS.ProcessEnv): boolean {
  return succeeds(env, 'docker', 'version', '--format', '{{.Server.Version}}');
}

function composeCommand(env: NodeJS.ProcessEnv): readonly string[] | undefined {
  if (succeeds(env, 'docker', 'compose', 'version')) return ['docker', 'compose'];
  return isPresent('docker-compose') ? ['docker-compose'] : undefined;
}

function succeeds(env: NodeJS.ProcessEnv, program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args, { env, stdio: 'ignore', timeout: 10_000 }).status === 0;
}
