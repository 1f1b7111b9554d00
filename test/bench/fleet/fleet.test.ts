/**
 * A small fleet is measured as a person would: fifty sidecars of five services against a real control
 * plane. Every sidecar has to get what it needs, in every phase; how fast means nothing here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fleetResultsSchema } from '../../../bench/fleet/fleet-results.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { runBench, type BenchRun } from '../run-bench.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const fleet = (args: readonly string[], temporary: string): Promise<BenchRun> =>
  runBench('fleet/main.ts', args, temporary);

/** Runs a fleet of fifty; how it ended, and the value of a figure. */
async function fifty(t: ExecutionContext, ...args: readonly string[]) {
  await using temporary = await temporaryDirectory();
  const file = join(temporary.path, 'results.json');
  const size = ['--sidecars=50', '--services=5', '--calls=2', `--json=${file}`];
  const { code, stdout, stderr } = await fleet([...size, ...args], temporary.path);
  t.is(code, 0, `${stdout}\n${stderr}`);
  t.regex(stderr, /enrolling\n.*connecting\n/);
  const { figures, shortfalls } = fleetResultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  t.deepEqual(shortfalls, []);
  t.deepEqual(readdirSync(temporary.path), ['results.json'], 'nothing is left behind');
  return (title: string): number => figures.find((one) => one.title === title)?.value ?? Number.NaN;
}

requires('prlimit').serial(
  'fifty sidecars with a connection each get all that they need',
  async (t) => {
    const valueOf = await fifty(t, '--connections=own');
    t.is(valueOf('sidecars connected'), 50);
    t.is(valueOf('an endpoint of a service that few call: sidecars that need it'), 10);
    t.is(valueOf('an endpoint of a service that all call: sidecars that need it'), 40);
    t.is(valueOf('a revocation: sidecars that need it'), 50);
    t.is(valueOf('a policy of 50 rules: sidecars that need it'), 50);
    t.is(valueOf('sidecars that report'), 50);
    t.true(valueOf('the former root is dropped after') > 0);
    t.true(valueOf('all are back after') > 0);
    t.true(valueOf('renewals') > 0);
  },
);

requires('prlimit').serial(
  'fifty sidecars on connections of their services get all that they need',
  async (t) => {
    const valueOf = await fifty(t, '--connections=shared', '--only=rotation', '--only=renewal');
    t.is(valueOf('sidecars connected'), 50);
    t.true(valueOf('the former root is dropped after') > 0);
    t.true(valueOf('renewals') > 0);
    t.is(valueOf('all are back after'), Number.NaN, 'what was not asked for is not measured');
  },
);

test('wrong usage is told apart from a failure', async (t) => {
  await using temporary = await temporaryDirectory();
  const { code, stderr } = await fleet(['--sidecars=none'], temporary.path);
  t.is(code, 2);
  t.regex(stderr, /^fleet: expected a whole number from 1 to 100000 for --sidecars, got none/);
});

test('results that are none are refused in one sentence', async (t) => {
  await using temporary = await temporaryDirectory();
  const { code, stderr } = await fleet(['--from=/dev/null'], temporary.path);
  t.is(code, 1);
  t.regex(stderr, /^fleet: expected the results of a fleet run in \/dev\/null.*\n$/s);
});
