// Runs the tests. `npm test`: what this machine can, and says what it left out and why.
// `npm run test:all` (--all): installs what is missing, runs everything, fails if anything was left out.
// Tests of one or two files that failed run once more, by themselves: when they pass then, they are named as unsteady.
// `--engine`: shares a Docker engine among the test files, as --all does. Further arguments go to AVA.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { LEFT_TO_PEERS } from '../test/helpers/peer-programs.ts';
import { readSummary, type Summary } from './ava-summary.ts';
import { shareDockerEngine } from './shared-docker-engine.ts';
import { filesToTryAgain } from './second-try.ts';
import { installPackages, missingPackages } from './system-packages.ts';

const ROOT = join(import.meta.dirname, '..');
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/hauberk');
const AVA = join(ROOT, 'node_modules/ava/entrypoints/cli.js');

async function runAva(args: readonly string[], env: NodeJS.ProcessEnv) {
  const colours = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const ava = spawn(process.execPath, [AVA, ...args], {
    // Each test file is a process: without it each would strip the types of what it imports.
    env: { ...env, ...colours, NODE_COMPILE_CACHE: COMPILE_CACHE },
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  let output = '';
  ava.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const [exitCode] = (await once(ava, 'close')) as [number | null];
  return readSummary(output, exitCode);
}

/** Whether the few tests that failed pass when nothing else runs: a bug to be found, but not a change that is wrong. */
async function passesAlone(summary: Summary, env: NodeJS.ProcessEnv): Promise<boolean> {
  const files = filesToTryAgain(summary, ROOT);
  if (files === undefined) return false;
  console.log(`once more, by themselves: ${files.join(', ')}`);
  return (await runAva(files, env)).failed === 0;
}

async function main(args: readonly string[]): Promise<number> {
  const everything = args.includes('--all');
  if (everything) {
    const missing = missingPackages();
    const problem = missing.length > 0 ? installPackages(missing) : undefined;
    if (problem !== undefined) {
      console.error(problem);
      return 1;
    }
  }
  const shares = everything || args.includes('--engine');
  await using engine = shares ? await shareDockerEngine() : undefined;
  const env = everything ? { ...engine?.env, HAUBERK_TEST_ALL: '1' } : (engine?.env ?? process.env);
  const summary = await runAva(
    args.filter((arg) => arg !== '--all' && arg !== '--engine'),
    env,
  );
  const { skipped } = summary;
  const unsteady = (await passesAlone(summary, env)) ? summary.failures : [];
  for (const title of unsteady) console.log(`unsteady: ${title}`);
  const passed = summary.passed + unsteady.length;
  const failed = summary.failed - unsteady.length;
  for (const title of skipped) console.log(`left out: ${title}`);
  // Nothing may be left out of everything, but for what has a run of its own.
  const missed = skipped.filter((title) => !title.endsWith(LEFT_TO_PEERS));
  const failures = failed + (everything ? missed.length : 0);
  console.log(`${passed} passed, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
