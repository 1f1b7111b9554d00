import test from 'ava';
import { isFigureMet, quantile, type FleetResults } from '../../../bench/fleet/fleet-results.ts';
import { spreadOutcome } from '../../../bench/fleet/phases/phase.ts';
import { createProgress } from '../../../bench/fleet/progress.ts';
import { renderFleetFigures, withRun } from '../../../bench/fleet/report/fleet-page.ts';
import { renderFleetTable } from '../../../bench/fleet/report/fleet-table.ts';

function results(fleet: Partial<FleetResults['fleet']> = {}): FleetResults {
  return {
    format: 1,
    startedAt: '2026-01-02T03:04:05.000Z',
    command: 'npm run fleet',
    machine: { processor: 'A Processor', cores: 2, memoryGiB: 8, kernel: 'Linux 6', node: 'v26' },
    fleet: {
      sidecars: 10,
      services: 2,
      calls: 1,
      connections: 'shared',
      interest: 'calls',
      simulators: 2,
      ...fleet,
    },
    figures: [
      {
        phase: 'renewal',
        title: 'renewals',
        unit: '/s',
        value: 1400,
        target: { is: 'at-least', limit: 1500 },
      },
      { phase: 'renewal', title: 'CPU', unit: 'ms', value: 0.5 },
      {
        phase: 'restart',
        title: 'all are back after',
        unit: 's',
        value: 12,
        target: { is: 'at-most', limit: 60 },
      },
    ],
    shortfalls: ['3 of 10 are not back'],
  };
}

test('a quantile is a value that was measured', (t) => {
  t.is(quantile([5, 1, 3], 1), 5);
  t.is(quantile([5, 1, 3], 0.5), 3);
  t.is(quantile([7], 0.01), 7);
  t.is(quantile([], 0.99), Number.NaN);
});

test('targets are met on their own side', (t) => {
  t.deepEqual(results().figures.map(isFigureMet), [false, undefined, true]);
});

test('how a change spread counts from its start, and names those it did not reach', (t) => {
  const atMs = [110, 120, 150];
  const { figures, shortfalls } = spreadOutcome('change', 'x', { startMs: 100, atMs, many: 4 }, 9);
  t.deepEqual(
    figures.map(({ title, value }) => [title, value]),
    [
      ['x: sidecars that need it', 4],
      ['x: at 99 %', 50],
      ['x: at all', 50],
    ],
  );
  t.deepEqual(shortfalls, ['x: 1 of 4 sidecars did not get it in time']);
});

test('the table names a phase once, and what fell short below it', (t) => {
  const table = renderFleetTable(results());
  t.regex(table, /renewal +renewals +1 400 +\/s +>= 1500 +NO/);
  t.is(table.match(/renewal /g)?.length, 1);
  t.regex(table, /\n- 3 of 10 are not back\n$/);
});

test('a run takes the place of one of the same shape on the page', (t) => {
  const [small, large] = [results(), results({ sidecars: 100 })];
  const runs = withRun([large, small], { ...small, startedAt: '2026-02-02T00:00:00.000Z' });
  t.deepEqual(
    runs.map(({ fleet, startedAt }) => [fleet.sidecars, startedAt.slice(0, 10)]),
    [
      [10, '2026-02-02'],
      [100, '2026-01-02'],
    ],
  );
  t.is(withRun(runs, results({ connections: 'own' })).length, 3);
});

test('the page has a section for each run', (t) => {
  const page = renderFleetFigures([results(), results({ connections: 'own' })]);
  t.regex(page, /### 10 sidecars of 2 services, .*connections shared by instances/);
  t.regex(page, /### 10 sidecars of 2 services, .*a connection each/);
  t.regex(page, /\| renewal \| renewals \| 1 400 \| \/s \| >= 1500 \| \*\*no\*\* \|/);
});

test('progress is one line on a terminal, and few lines elsewhere', (t) => {
  const written: string[] = [];
  const write = (text: string): boolean => written.push(text) > 0;
  const file = createProgress({ write });
  for (const line of ['enrolling', 'enrolling: 100', 'enrolling: 200', 'connecting']) {
    file.say(line);
  }
  file.end();
  t.deepEqual(
    written.map((text) => text.trimEnd().replace(/^ +\d+ s +/, '')),
    ['enrolling', 'connecting'],
  );
  written.length = 0;
  const terminal = createProgress({ write, isTTY: true });
  terminal.say('enrolling');
  terminal.say('enrolling: 100');
  terminal.end();
  t.is(written.length, 3);
  t.true(written.every((text) => text.startsWith('\r')));
});
