import test from 'ava';
import { ratioAtLeast, ratioAtMost, valueAtMost, type Metric } from '../../bench/results/metric.ts';
import type { BenchResults, Sample } from '../../bench/results/results.ts';
import { bestCapacity, isFarOff, toRows } from '../../bench/results/rows.ts';
import { benchResults } from './bench-results.ts';

const SPEED: Metric = { key: 'speed', title: 'speed', unit: '/s', better: 'higher' };
const DELAY: Metric = { key: 'delay', title: 'delay', unit: 'ms', better: 'lower' };

function sample(peer: string, round: number, values: Sample['values']): Sample {
  return { workload: 'work', peer, round, values };
}

function measured(metric: Metric, samples: readonly Sample[]): BenchResults {
  return benchResults({ metrics: [metric], samples });
}

function only(results: BenchResults) {
  const [row] = toRows(results);
  if (row === undefined) throw new Error('expected a row');
  return row;
}

test('each kind of peer is compared with by itself, and targets with the best of both', (t) => {
  const row = only(
    measured({ ...SPEED, target: ratioAtLeast(2) }, [
      sample('hauberk', 1, { speed: 300 }),
      sample('nginx', 1, { speed: 100 }),
      sample('haproxy', 1, { speed: 120 }),
      sample('envoy-hbone', 1, { speed: 200 }),
      sample('direct', 1, { speed: 9_000 }),
    ]),
  );
  t.like(row.oneToOne, { peer: { id: 'haproxy' }, ratio: 2.5 });
  t.like(row.multiplexing, { peer: { id: 'envoy-hbone' }, ratio: 1.5 });
  t.like(row.best, { peer: { id: 'envoy-hbone' } });
  t.false(row.met);
});

test('the bound has figures of its own, and nothing is judged by it', (t) => {
  const target = ratioAtLeast(2);
  const samples = [
    sample('hauberk', 1, { speed: 300 }),
    sample('bound', 1, { speed: 400 }),
    sample('nginx', 1, { speed: 100 }),
  ];
  const row = only(measured({ ...SPEED, target }, samples));
  t.is(row.cells.get('bound')?.median, 400);
  t.like(row.best, { peer: { id: 'nginx' }, ratio: 3 });
  t.true(row.met);
  const alone = only(measured({ ...SPEED, target }, samples.slice(0, 2)));
  t.deepEqual(
    [alone.best, alone.oneToOne, alone.multiplexing, alone.met],
    Array(4).fill(undefined),
  );
  const named = only(measured({ ...SPEED, target: ratioAtLeast(0.5, 'bound') }, samples));
  t.is(named.targeted, undefined, 'a target cannot name it either');
});

test('a target is judged by the yardsticks alone, not by a peer that nobody names', (t) => {
  const row = only(
    measured({ ...SPEED, target: ratioAtLeast(2) }, [
      sample('hauberk', 1, { speed: 300 }),
      sample('nginx', 1, { speed: 100 }),
      sample('stunnel', 1, { speed: 200 }),
    ]),
  );
  t.like(row.best, { peer: { id: 'stunnel' }, ratio: 1.5 });
  t.like(row.targeted, { peer: { id: 'nginx' }, ratio: 3 });
  t.true(row.met);
});

test('a capacity is that of the best yardstick, by the median of the rounds so far', (t) => {
  const samples = [
    sample('nginx', 1, { speed: 100 }),
    sample('nginx', 2, { speed: 900 }),
    sample('nginx', 3, { speed: 300 }),
    sample('haproxy', 1, { speed: 200 }),
    sample('hauberk', 1, { speed: 5_000 }),
    sample('bound', 1, { speed: 5_000 }),
    sample('direct', 1, { speed: 9_000 }),
    { ...sample('envoy-hbone', 1, {}), failure: 'it ended' },
    { ...sample('haproxy', 2, { speed: 9_000 }), workload: 'other' },
  ];
  t.is(bestCapacity(samples, 'work', 'speed'), 300);
  t.is(bestCapacity(samples.slice(4), 'work', 'speed'), undefined);
});

test('where less is better, the best is the one with the least', (t) => {
  const row = only(
    measured({ ...DELAY, target: ratioAtMost(0.5) }, [
      sample('hauberk', 1, { delay: 2 }),
      sample('nginx', 1, { delay: 5 }),
      sample('haproxy', 1, { delay: 9 }),
    ]),
  );
  t.like(row.best, { peer: { id: 'nginx' }, ratio: 0.4 });
  t.true(row.met);
});

test('a ratio is the median of the ratios of the rounds: a machine that slows down changes none', (t) => {
  const row = only(
    measured(SPEED, [
      ...[400, 200, 20].map((speed, at) => sample('hauberk', at + 1, { speed })),
      ...[200, 100, 10].map((speed, at) => sample('nginx', at + 1, { speed })),
    ]),
  );
  t.is(row.oneToOne?.ratio, 2);
  t.is(row.cells.get('hauberk')?.median, 200);
});

test('a failure has no figure, and is not the best', (t) => {
  const row = only(
    measured(DELAY, [
      sample('hauberk', 1, { delay: 2 }),
      { ...sample('nginx', 1, {}), failure: 'it ended' },
      sample('haproxy', 1, { delay: 4 }),
    ]),
  );
  t.is(row.cells.get('nginx')?.median, undefined);
  t.is(row.cells.get('nginx')?.failure, 'it ended');
  t.is(row.best?.ratio, 0.5);
});

test('without a native peer no ratio is judged, and a figure by itself is', (t) => {
  const alone = [sample('hauberk', 1, { delay: 60 })];
  t.is(only(measured({ ...DELAY, target: ratioAtMost(1) }, alone)).met, undefined);
  t.true(only(measured({ ...DELAY, target: valueAtMost(70) }, alone)).met);
  t.false(only(measured({ ...DELAY, target: valueAtMost(50) }, alone)).met);
});

test('a target may name the peer that it is a ratio to', (t) => {
  const samples = [
    sample('hauberk', 1, { speed: 100 }),
    sample('nginx', 1, { speed: 400 }),
    sample('envoy-hbone', 1, { speed: 90 }),
  ];
  const target = ratioAtLeast(1, 'envoy-hbone');
  const row = only(measured({ ...SPEED, target, alarm: ratioAtLeast(0.5) }, samples));
  t.like(row.best, { peer: { id: 'nginx' } });
  t.like(row.targeted, { peer: { id: 'envoy-hbone' } });
  t.true(row.met);
  t.true(isFarOff(row), 'an alarm that names none is judged by the best');
  t.is(only(measured({ ...SPEED, target }, samples.slice(0, 2))).met, undefined);
});

test('far off is what sets its alarm off', (t) => {
  const off = (metric: Metric, ours: number): boolean =>
    isFarOff(
      only(
        measured(metric, [
          sample('hauberk', 1, { [metric.key]: ours }),
          sample('nginx', 1, { [metric.key]: 100 }),
        ]),
      ),
    );
  t.false(off({ ...SPEED, alarm: ratioAtLeast(1) }, 101));
  t.true(off({ ...SPEED, alarm: ratioAtLeast(1) }, 99));
  t.false(off({ ...DELAY, alarm: ratioAtMost(0.4) }, 39));
  t.true(off({ ...DELAY, alarm: ratioAtMost(0.4) }, 41));
  t.false(off({ ...SPEED, target: ratioAtLeast(2) }, 1), 'a target alone sets nothing off');
});
