// What CI runs after `npm ci`: each step by itself says what it is for. Tests that measure time or wait for it have the
// machine to themselves, one after the other; what only takes CPU time (programs that are compiled, roots of systems
// that are unpacked, checks of sources) runs beside them with what they leave. The bench is alone.
import { runSteps } from './run-steps.ts';
import type { Step } from './step.ts';

const PACKAGES = 'tools/run node tools/install-packages.ts';
const ALL = 'npm run test:all';
const FETCH_PEERS = 'tools/test-peers.sh --fetch';
const PEERS = 'npm run test:peers';
const CHECK = 'npm run check';
const MACHINE = 'tools/test-fresh-machine.sh';
const DEBIAN = 'tools/test-debian-package.sh';
const CHAOS = 'npm run chaos -- --ci';

const STEPS: readonly Step[] = [
  { command: PACKAGES, after: [] },
  { command: FETCH_PEERS, after: [PACKAGES], isBeside: true },
  { command: CHECK, after: [FETCH_PEERS], isBeside: true },
  { command: MACHINE, after: [CHECK], isBeside: true },
  { command: DEBIAN, after: [MACHINE], isBeside: true },
  { command: ALL, after: [PACKAGES] },
  { command: PEERS, after: [ALL, FETCH_PEERS] },
  { command: CHAOS, after: [PEERS] },
  { command: 'npm run bench -- --check', after: [CHAOS, DEBIAN] },
];

const ending = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => ending.abort());
const print = (text: string): void => void process.stdout.write(text);
const haveAllPassed = await runSteps(STEPS, { print, signal: ending.signal });
process.exitCode = haveAllPassed ? 0 : 1;
