/**
 * `hauberk proxy`, which is beside each service, `hauberk gateway`, which is made of the same, and the workers of both,
 * with nothing of the other commands.
 */
import type { CliContext } from '../../../cli/cli-context.ts';
import { dispatch } from '../../../cli/dispatch.ts';
import { ignoreLostOutput } from '../../../cli/output/lost-output.ts';
import { systemClock } from '../../../common/clock.ts';
import { takeFiles } from './take-files.ts';

async function command(): Promise<void> {
  const { run, runGateway } = await import('../../../proxy/main.ts');
  const { env, stdout, stderr } = process;
  const context: CliContext = {
    argv: process.argv.slice(2),
    env,
    stdout,
    stderr,
    clock: systemClock,
  };
  ignoreLostOutput(process);
  const proxy = { words: 'proxy', purpose: 'run a sidecar', group: 'Run', run } as const;
  const gateway = {
    words: 'gateway',
    purpose: 'accept connections from outside',
    group: 'Run',
    run: runGateway,
  } as const;
  process.exitCode = await dispatch([proxy, gateway], context);
}

const files = takeFiles(process.argv, {
  'proxy/workers/main.ts': () => import('../../../proxy/workers/main.ts'),
});
for (const load of files.length > 0 ? files : [command]) await load();
