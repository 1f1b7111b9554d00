// Runs the tests. `npm test`: what this machine can, and says what it left out and why.
// `npm run test:all` (--all): installs what is missing, runs everything, fails if anything was left out.
// Tests of one or two files that failed run once more, by themselves: when they pass then, they are named as unsteady.
// `--engine`: shares a Docker engine among the test files, as --all does; those that use it then run beside the others.
// Further arguments go to AVA.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { LEFT_TO_PEERS } from '../test/helpers/machine/peer-programs.ts';
import { readSummary, type Summary } from './ava-summary.ts';
import { shareDockerEngine } from './shared-docker-engine.ts';
import { filesToTryAgain, type EndedRun } from './second-try.ts';
import { installMissingPackages } from './system-packages.ts';
import { planRun, splitRun } from './ava-runs.ts';

const ROOT = join(import.meta.dirname, '..');
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/hauberk');
const AVA = join(ROOT, 'node_modules/ava/entrypoints/cli.js');

/** Runs AVA, and shows what it prints: as it comes, or at its end, where another one prints meanwhile. */
async function runAva(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  shown: 'as it comes' | 'at its end' = 'as it comes',
): Promise<Summary> {
  const colours = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const ava = spawn(process.execPath, [AVA, ...args], {
    // Each test file is a process: without it each would strip the types of what it imports.
    env: { ...env, ...colours, NODE_COMPILE_CACHE: COMPILE_CACHE },
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  let output = '';
  ava.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (shown === 'as it comes') process.stdout.write(chunk);
  });
  const [exitCode] = (await once(ava, 'close')) as [number | null];
  if (shown === 'at its end') process.stdout.write(output);
  return readSummary(output, exitCode);
}

/** What failed by chance: the few tests that pass when nothing else runs. Each is a bug to be found. */
async function unsteadyTests(runs: readonly EndedRun[], env: NodeJS.ProcessEnv) {
  const files = filesToTryAgain(runs);
  if (files === undefined) return [];
  console.log(`once more, by themselves: ${files.join(', ')}`);
  if ((await runAva(files, env)).failed > 0) return [];
  return runs.flatMap(({ summary }) => summary.failures);
}

async function main(args: readonly string[]): Promise<number> {
  const everything = args.includes('--all');
  const problem = everything ? installMissingPackages() : undefined;
  if (problem !== undefined) {
    console.error(problem);
    return 1;
  }
  const shares = everything || args.includes('--engine');
  await using engine = shares ? await shareDockerEngine() : undefined;
  const env = everything ? { ...engine?.env, HAUBERK_TEST_ALL: '1' } : (engine?.env ?? process.env);
  const whole = planRun(
    args.filter((arg) => arg !== '--all' && arg !== '--engine'),
    ROOT,
  );
  const ended = await Promise.all(
    (shares ? splitRun(whole, ROOT) : [whole]).map(async (run, at) => ({
      summary: await runAva(run.args, env, at === 0 ? 'as it comes' : 'at its end'),
      files: run.files,
    })),
  );
  const unsteady = await unsteadyTests(ended, env);
  for (const title of unsteady) console.log(`unsteady: ${title}`);
  const sum = (count: (summary: Summary) => number): number =>
    ended.reduce((total, { summary }) => total + count(summary), 0);
  const passed = sum((summary) => summary.passed) + unsteady.length;
  const failed = sum((summary) => summary.failed) - unsteady.length;
  const skipped = ended.flatMap(({ summary }) => summary.skipped);
  for (const title of skipped) console.log(`left out: ${title}`);
  // Nothing may be left out of everything, but for what has a run of its own.
  const missed = skipped.filter((title) => !title.endsWith(LEFT_TO_PEERS));
  const failures = failed + (everything ? missed.length : 0);
  console.log(`${passed} passed, ${failures} failed`);
  return failures === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
