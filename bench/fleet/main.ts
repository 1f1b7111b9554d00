// `npm run fleet`: the control plane under a fleet of simulated sidecars, on this machine.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '../../common/errors.ts';
import { nodeEnvironment } from '../../common/process/node-environment.ts';
import { BenchError } from '../bench-error.ts';
import { passToAll } from '../lab/bench-process.ts';
import { FLEET_HELP, readFleetOptions } from './fleet-options.ts';
import { fleetResultsSchema, type FleetResults } from './fleet-results.ts';
import { createProgress } from './progress.ts';
import { renderFleetTable } from './report/fleet-table.ts';
import { writeFleetPage } from './report/fleet-page.ts';
import { runFleet } from './run-fleet.ts';

const DOCS = join(import.meta.dirname, '../../docs');

async function main(argv: readonly string[], signal: AbortSignal): Promise<number> {
  const request = readFleetOptions(argv);
  switch (request.kind) {
    case 'help':
      process.stdout.write(FLEET_HELP);
      return 0;
    case 'show':
      return await show(readResults(request.file), request.page);
    case 'run': {
      const { options } = request;
      const command = ['npm run fleet', ...(argv.length === 0 ? [] : ['--', ...argv])].join(' ');
      const progress = createProgress(process.stderr);
      const results = await runFleet({ options, command, progress: progress.say, signal }).finally(
        progress.end,
      );
      if (options.json !== undefined) {
        writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
      }
      return await show(results, options.page);
    }
  }
}

async function show(results: FleetResults, page: boolean): Promise<number> {
  process.stdout.write(renderFleetTable(results));
  if (page) await writeFleetPage(DOCS, results);
  return results.shortfalls.length === 0 ? 0 : 1;
}

function readResults(file: string): FleetResults {
  try {
    return fleetResultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new BenchError('results-unreadable', `expected the results of a fleet run in ${file}`, {
      cause,
      hint: 'name a file that --json has written',
    });
  }
}

passToAll(nodeEnvironment(process.env));
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => interrupted.abort(new BenchError('process-ended', `ended by ${name}`)));
}
try {
  process.exitCode = await main(process.argv.slice(2), interrupted.signal);
} catch (error) {
  process.stderr.write(`fleet: ${describeError(error)}\n`);
  process.exitCode = error instanceof BenchError && error.code === 'option-invalid' ? 2 : 1;
}
