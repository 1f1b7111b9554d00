import test from 'ava';
import { leastSquares, slopesOf } from '../../bench/results/growth.ts';
import { toRows } from '../../bench/results/rows.ts';
import { benchResults } from './bench-results.ts';

const RSS = { key: 'both', title: 'RSS', unit: 'MB', better: 'lower' } as const;

test('the slope is that of the line with the least squares', (t) => {
  t.is(leastSquares([1, 2, 3].map((x) => ({ x, y: 5 + 2 * x }))), 2);
  const bent = [
    { x: 0, y: 0 },
    { x: 1, y: 3 },
    { x: 2, y: 2 },
  ];
  t.is(leastSquares(bent), 1);
  t.is(leastSquares([]), undefined);
  t.is(leastSquares([{ x: 4, y: 1 }]), undefined, 'one point has no slope');
});

test('what grows has a slope for each peer with two figures, in the unit of the slope', (t) => {
  const at = (connections: number, peer: string, both: number) => ({
    workload: `idle-${connections}`,
    peer,
    round: 1,
    values: { both },
  });
  const results = {
    ...benchResults({
      metrics: [],
      samples: [
        at(0, 'hauberk', 100),
        at(1_000, 'hauberk', 110),
        at(0, 'nginx', 30),
        at(1_000, 'nginx', 130),
        at(1_000, 'haproxy', 9),
      ],
    }),
    workloads: [0, 1_000].map((connections) => ({
      id: `idle-${connections}`,
      title: `${connections} idle connections`,
      description: 'Idle.',
      metrics: [RSS],
    })),
  };
  const [slope, ...others] = slopesOf(toRows(results));
  t.is(others.length, 0, 'figures that nobody has are left out');
  t.is(slope?.growth.of, 'connections');
  t.is(slope?.figure.unit, 'KB each');
  t.deepEqual(
    [...(slope?.byPeer ?? [])],
    [
      ['hauberk', 10],
      ['nginx', 100],
    ],
  );
});
