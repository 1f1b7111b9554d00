import { systemClock } from '../common/clock.ts';
import type { CliContext } from './cli-context.ts';
import { COMMANDS, type Command } from './commands/command-table.ts';
import { dispatch } from './dispatch.ts';

/** Loaded only when they are run: the other commands need none of it. */
const PROGRAMS: readonly Command[] = [
  {
    words: 'control-plane',
    purpose: 'run the control plane: certificates, discovery, tokens',
    group: 'Run',
    run: async ({ argv, env }) => (await import('../control-plane/main.ts')).run(argv, env),
  },
  {
    words: 'proxy',
    purpose: 'run a sidecar beside a service',
    group: 'Run',
    run: async ({ argv, env }) => (await import('../proxy/main.ts')).run(argv, env),
  },
];

const context: CliContext = {
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
};

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read it has seen enough, as in `hauberk certs | head -1`.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

process.exitCode = await dispatch([...PROGRAMS, ...COMMANDS], context);
