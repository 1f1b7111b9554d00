import { hostname } from 'node:os';
import { systemClock } from '../common/clock.ts';
import type { CommandSpec } from '../common/config/settings.ts';
import { EXIT_CODE } from '../common/config/exit-code.ts';
import { runCommand, type CommandContext } from '../common/config/run-command.ts';
import { logSettingWarnings, type SettingWarning } from '../common/config/setting-warnings.ts';
import { catchUnguarded, createGuard, guardedClock } from '../common/guard.ts';
import { createLogger } from '../common/logging/logger.ts';
import { listenForShutdown } from '../common/process/shutdown.ts';
import { KEEPER_SETTINGS, type KeeperSettings } from './config.ts';
import { connectEngine, type Engine } from './engine.ts';
import { keep } from './keep.ts';
import { KeeperError } from './keeper-error.ts';

const SPEC: CommandSpec<typeof KEEPER_SETTINGS> = {
  name: 'hauberk keeper',
  summary:
    'Keeps the containers of a Compose project in the network namespaces of their pods: when a pod or the engine was restarted, it restarts the containers that share its namespace.',
  settings: KEEPER_SETTINGS,
  readsFile: true,
  hasLog: true,
  examples: [
    {
      line: 'hauberk inject compose.yaml --keeper --output compose.mesh.yaml',
      purpose: 'a project with a keeper of its own (recommended)',
    },
    {
      line: 'hauberk keeper --project shop',
      purpose: 'as a process on the host of the Docker engine',
    },
  ],
  notes: ['Access to the socket of the engine equals root access to its host: see docs/inject.md.'],
};

/** Runs a keeper until SIGTERM, SIGINT or SIGHUP; resolves with the exit code. */
export async function run(context: CommandContext): Promise<number> {
  return await runCommand(SPEC, context, runKeeper);
}

async function runKeeper(
  { engineSocket, logLevel, ...settings }: KeeperSettings,
  _operands: readonly string[],
  warnings: readonly SettingWarning[],
): Promise<number> {
  const logger = createLogger({ name: 'keeper', level: logLevel });
  logSettingWarnings(logger, warnings);
  const guard = createGuard({ logger, clock: systemClock });
  using net = catchUnguarded(guard);
  using shutdown = listenForShutdown(logger);
  const { asked: signal } = shutdown;
  const connect = (): Promise<Engine> => connectEngine({ socketPath: engineSocket, signal });
  const project = settings.project ?? (await ownProject(await connect()));
  logger.info({ event: 'ready', project }, `watching the containers of ${project}`);
  // While the engine is away there is no socket that would keep the process.
  const alive = setInterval(() => {}, FOR_EVER_MS);
  net.serving();
  await keep({
    project,
    connect,
    guard,
    clock: guardedClock(systemClock, guard),
    logger,
    random: Math.random,
    signal,
  });
  clearInterval(alive);
  return EXIT_CODE.ok;
}

const FOR_EVER_MS = 2 ** 31 - 1;

/** Docker calls the host of a container by the container's id, unless it is set otherwise. */
async function ownProject(engine: Engine): Promise<string> {
  const project = await engine.projectOf(hostname()).catch((error: unknown) => {
    if (error instanceof KeeperError && error.code === 'engine-refused') return undefined;
    throw error;
  });
  if (project !== undefined) return project;
  const sentence = 'expected to run in a container of a Compose project, and this is none';
  throw new KeeperError('no-project', sentence, { hint: 'name the project with --project' });
}
