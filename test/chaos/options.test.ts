import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { ChaosError } from './chaos-error.ts';
import { CI_SEEDS, readChaosOptions, reproduction, type ChaosOptions } from './options.ts';
import { FAULT_NAMES } from './plan/fault-names.ts';

function read(...argv: string[]): readonly ChaosOptions[] {
  const request = readChaosOptions(argv, () => 77);
  return request.kind === 'run' ? request.runs : [];
}

test('a seed, how long, and which faults', (t) => {
  t.deepEqual(read('--seed', '4', '--minutes', '0.5', '--only', 'kill', '--only', 'clock'), [
    { seed: 4, minutes: 0.5, only: ['kill', 'clock'], json: undefined, logs: undefined },
  ]);
});

test('without a seed one is drawn, and the command that reproduces the run names it', (t) => {
  const [options] = read();
  if (options === undefined) return t.fail('expected a run');
  t.is(options.only, FAULT_NAMES);
  t.is(reproduction(options), 'npm run chaos -- --seed 77 --minutes 2');
  t.deepEqual(read(...reproduction(options).split(' ').slice(4)), [options]);
  const some = { ...options, only: ['stop', 'kill'] as const };
  t.deepEqual(read(...reproduction(some).split(' ').slice(4)), [some]);
});

test('CI runs three fixed seeds, a minute each', (t) => {
  const runs = read('--ci');
  t.deepEqual(
    runs.map(({ seed, minutes }) => [seed, minutes]),
    CI_SEEDS.map((seed) => [seed, 1]),
  );
  t.is(runs.length, 3);
});

for (const [argv, sentence] of [
  [['--seed=-1'], 'expected a whole number from 0 to 4294967295 for --seed, got -1'],
  [['--seed', '1.5'], 'expected a whole number from 0 to 4294967295 for --seed, got 1.5'],
  [['--seed='], "expected a whole number from 0 to 4294967295 for --seed, got ''"],
  [['--minutes', '0'], 'expected a number above 0, at most 600, for --minutes, got 0'],
  [['--minutes', 'ten'], 'expected a number above 0, at most 600, for --minutes, got ten'],
  [['--ci', '--seed', '3'], 'expected --ci alone, got --seed or --minutes as well'],
  [['--only', 'fire'], `expected one of ${FAULT_NAMES.join(', ')} for --only, got fire`],
  [['--seeds', '3'], "Unknown option '--seeds'"],
  [['now'], "Unexpected argument 'now'"],
] as const) {
  test(`refused: ${argv.join(' ')}`, (t) => {
    const error = t.throws(() => read(...argv), { instanceOf: ChaosError, message: sentence });
    t.is(error.code, 'option-invalid');
  });
}

test('a mistake is one sentence and exit code 2, and --help needs nothing', (t) => {
  const run = (...argv: string[]) => {
    const node = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'main.ts')];
    return spawnSync(process.execPath, [...node, ...argv], { encoding: 'utf8' });
  };
  const wrong = run('--seed', 'x');
  t.is(wrong.status, 2);
  t.is(wrong.stderr, 'chaos: expected a whole number from 0 to 4294967295 for --seed, got x\n');
  const help = run('--help');
  t.is(help.status, 0);
  for (const name of FAULT_NAMES) t.true(help.stdout.includes(name));
});
