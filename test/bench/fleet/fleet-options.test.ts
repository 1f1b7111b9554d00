import test from 'ava';
import { BenchError } from '../../../bench/bench-error.ts';
import { readFleetOptions } from '../../../bench/fleet/fleet-options.ts';

function optionsOf(...argv: readonly string[]) {
  const request = readFleetOptions(argv);
  if (request.kind !== 'run') throw new TypeError(`expected a run, got ${request.kind}`);
  return request.options;
}

test('one service has twenty sidecars, unless it is said otherwise', (t) => {
  t.like(optionsOf(), {
    sidecars: 500,
    services: 25,
    calls: 5,
    connections: 'shared',
    interest: 'calls',
  });
  t.like(optionsOf('--sidecars=10000', '--services', '500'), { sidecars: 10_000, services: 500 });
  t.like(optionsOf('--sidecars=41'), { services: 3, calls: 2 });
});

test('there are no more simulators than services, nor callers of more services than there are', (t) => {
  t.like(optionsOf('--sidecars=1'), { services: 1, calls: 0, simulators: 1 });
  t.like(optionsOf('--sidecars=9', '--services=3', '--calls=0'), { calls: 0, simulators: 2 });
});

test('phases are chosen by name', (t) => {
  t.deepEqual(optionsOf('--only=restart', '--only', 'change').only, ['restart', 'change']);
});

test('help and results of before are not a run', (t) => {
  t.deepEqual(readFleetOptions(['--help']), { kind: 'help' });
  t.deepEqual(readFleetOptions(['--from=a.json', '--page']), {
    kind: 'show',
    file: 'a.json',
    page: true,
  });
});

const WRONG = [
  [['--sidecars=0'], 'expected a whole number from 1 to 100000 for --sidecars, got 0'],
  [['--sidecars=ten'], 'expected a whole number from 1 to 100000 for --sidecars, got ten'],
  [['--sidecars=5', '--services=6'], 'expected a whole number from 1 to 5 for --services, got 6'],
  [['--services=3', '--calls=3'], 'expected a whole number from 1 to 2 for --calls, got 3'],
  [['--interest=some'], 'expected one of calls, all for --interest, got some'],
  [['--connections=some'], 'expected one of shared, own for --connections, got some'],
  [
    ['--only=everything'],
    'expected one of change, revocation, policy, dashboard, rotation, restart, renewal for --only, got everything',
  ],
  [
    ['--sidecars=5000', '--services=4'],
    'expected at most 1000 sidecars of a service, got 5000 of 4',
  ],
] as const;

for (const [argv, message] of WRONG) {
  test(`refused: ${argv.join(' ')}`, (t) => {
    const error = t.throws(() => readFleetOptions(argv), { instanceOf: BenchError, message });
    t.is(error.code, 'option-invalid');
  });
}

test('an unknown option is refused by its name', (t) => {
  t.throws(() => readFleetOptions(['--sidecar=5']), { message: /--sidecar/ });
});
