import { systemClock } from '../common/clock.ts';
import type { CliContext } from './cli-context.ts';
import { COMMANDS, type Command } from './commands/command-table.ts';
import { completionCommand } from './commands/completion.ts';
import { manualCommand } from './commands/manual.ts';
import { dispatch } from './dispatch.ts';
import { ignoreLostOutput } from './output/lost-output.ts';

/** Loaded only when they are run: the other commands need none of it. */
const PROGRAMS: readonly Command[] = [
  {
    words: 'control-plane',
    purpose: 'run the control plane: certificates, discovery, tokens',
    group: 'Run',
    run: async (context) => (await import('../control-plane/main.ts')).run(context),
  },
  {
    words: 'restore',
    purpose: 'restore the data directory of a control plane from a backup',
    group: 'Operate',
    run: async (context) => (await import('../control-plane/main.ts')).runRestore(context),
  },
  {
    words: 'store migrate',
    purpose: 'move the state of the mesh from SQLite to etcd, or back',
    group: 'Operate',
    run: async (context) => (await import('../control-plane/main.ts')).runMigrate(context),
  },
  {
    words: 'proxy init-netns',
    purpose: 'redirect the traffic of a network namespace to its sidecar',
    group: 'Run',
    run: async (context) => (await import('../proxy/main.ts')).initNetns(context),
  },
  {
    words: 'proxy',
    purpose: 'run a sidecar beside a service',
    group: 'Run',
    run: async (context) => (await import('../proxy/main.ts')).run(context),
  },
  {
    words: 'keeper',
    purpose: 'restart the containers that share the network of a restarted one',
    group: 'Run',
    run: async (context) => (await import('../keeper/main.ts')).run(context),
  },
  {
    words: 'gateway',
    purpose: 'accept connections from outside the mesh',
    group: 'Run',
    run: async (context) => (await import('../proxy/main.ts')).runGateway(context),
  },
];

const context: CliContext = {
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
};

ignoreLostOutput(process);

const working = [...PROGRAMS, ...COMMANDS];
const commands = [...working, manualCommand(working)];
process.exitCode = await dispatch([...commands, completionCommand(commands)], context);

/** What was closed ends within this time, unless the other end says nothing. */
const LINGER_MS = 500;

// A connection to an address that answers nothing would keep a command that has been answered by another one.
setInterval(() => {
  if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
}, LINGER_MS).unref();
