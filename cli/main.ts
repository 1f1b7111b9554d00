import { systemClock } from '../common/clock.ts';
import type { CliContext } from './cli-context.ts';
import { COMMANDS } from './command-table.ts';
import { dispatch } from './dispatch.ts';
import { ignoreLostOutput } from './output/lost-output.ts';

const context: CliContext = {
  argv: process.argv.slice(2),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
};

ignoreLostOutput(process);

process.exitCode = await dispatch(COMMANDS, context);

/** What was closed ends within this time, unless the other end says nothing. */
const LINGER_MS = 500;

// A connection to an address that answers nothing would keep a command that has been answered by another one.
setInterval(() => {
  if (process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
}, LINGER_MS).unref();
