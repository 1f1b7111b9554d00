// What CI runs after `npm ci`: each step by itself says what it is for. Tests that measure time or wait for it follow one
// after the other; what only takes CPU time (programs that are compiled, roots of systems that are unpacked, checks of
// sources) runs beside them with what they leave. The bench is alone.
import { shareDockerEngine } from '../shared-docker-engine.ts';
import { installMissingPackages } from '../system-packages.ts';
import { runSteps } from './run-steps.ts';
import type { Step } from './step.ts';

const ALL = 'npm run test:all';
const FETCH_PEERS = 'tools/test-peers.sh --fetch';
/** What carries plaintext, where the handles of Node.js are not used. */
const DOCUMENTED = 'npm run test:documented';
const PEERS = 'npm run test:peers';
const CHECK = 'npm run check';
const MACHINE = 'tools/test-fresh-machine.sh';
const DEBIAN = 'tools/test-debian-package.sh';
const CHAOS = 'npm run chaos -- --ci';

const STEPS: readonly Step[] = [
  { command: FETCH_PEERS, after: [], isBeside: true },
  { command: CHECK, after: [FETCH_PEERS], isBeside: true },
  { command: MACHINE, after: [CHECK], isBeside: true },
  { command: DEBIAN, after: [MACHINE], isBeside: true },
  { command: ALL, after: [] },
  { command: DOCUMENTED, after: [ALL] },
  { command: PEERS, after: [DOCUMENTED, FETCH_PEERS] },
  { command: CHAOS, after: [PEERS] },
  { command: 'npm run bench -- --check', after: [CHAOS, DEBIAN] },
];

async function main(signal: AbortSignal): Promise<number> {
  const problem = installMissingPackages();
  if (problem !== undefined) {
    console.error(problem);
    return 1;
  }
  // One for both runs of tests, so that the second finds the images of the first.
  await using engine = await shareDockerEngine();
  const print = (text: string): void => void process.stdout.write(text);
  return (await runSteps(STEPS, { env: engine.env, print, signal })) ? 0 : 1;
}

const ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());
process.exitCode = await main(ending.signal);
