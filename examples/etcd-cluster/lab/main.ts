import { parseArgs } from 'node:util';
import { enterLab } from './enter-lab.ts';
import { LabError } from './lab-error.ts';
import { missingForLab } from './needs.ts';
import { renderReport } from './render-report.ts';
import { runLab } from './run-lab.ts';

const HELP = `Usage: run.sh [options]

Three etcd members, a client and a stranger, each on a host of its own (a network namespace) behind a
sidecar of Hauberk. Needs root on Linux; leaves nothing behind.

Options:
  --seconds N  how long to put and get while certificates rotate (default: 60)
  --logs DIR   keep the logs of all processes there
  --json       print the report as one JSON object
  --help       show this text

Exit code: 0 when everything was as it should be, 1 when not, 2 when it could not be tried.
`;

/** The second process of the example: process 1 of the namespaces in which everything else runs. */
const INSIDE = '--inside';

async function main(argv: readonly string[]): Promise<number> {
  const inside = argv[0] === INSIDE;
  const { values } = parseArgs({
    args: argv.slice(inside ? 1 : 0),
    options: {
      seconds: { type: 'string', default: '60' },
      logs: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 86_400) {
    throw new LabError(`--seconds takes a whole number from 1 to 86400, not ${values.seconds}`);
  }
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!inside) {
    const missing = missingForLab(process.env['PATH'] ?? '');
    if (missing !== undefined) throw new LabError(missing);
    return await enterLab([import.meta.filename, INSIDE, ...argv]);
  }
  // The other end is held by the process that was started by a person: without it this one ends too.
  process.stdin.resume().once('end', () => process.exit(1));
  const report = await runLab({
    seconds,
    logDirectory: values.logs,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : renderReport(report));
  return report.problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isOurs =
    error instanceof LabError ||
    (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(
    `run.sh: ${isOurs === true ? (error as Error).message : (error as Error).stack}\n`,
  );
  process.exitCode = 2;
}
// Process 1 takes everything along with it that it has started.
if (process.pid === 1) process.exit();
