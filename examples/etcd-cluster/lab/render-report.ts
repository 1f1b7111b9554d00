import type { LabReport } from './report.ts';

/** Writes the report for people. */
export function renderReport(report: LabReport): string {
  const { calls, watched, leader, unrest, rotations, wire, loopback, attempts, problems } = report;
  const { before, after } = leader;
  const isSame = before.leader === after.leader && before.term === after.term;
  const rows = [
    ['calls', `${calls.puts} put, ${calls.gets} got, ${calls.failures.length} failed`],
    ['', `the slowest took ${calls.slowestMs} ms`],
    ['watch', `${watched} puts seen`],
    ['leader', isSame ? `${after.leader}, term ${after.term}: unchanged` : 'changed'],
    ['etcd noticed', `${unrest.leaderChanges} leader changes, ${unrest.lostStreams} lost streams`],
    [
      'rotations',
      Object.entries(rotations)
        .map(([host, count]) => `${host} ${count}`)
        .join(', '),
    ],
    [
      'on the wire',
      `${wire.packets} packets, key readable ${wire.readableKeys} times, value ${wire.readableValues} times`,
    ],
    [
      'on loopback',
      `${loopback.packets} packets, key readable ${loopback.readableKeys} times, value ${loopback.readableValues} times`,
    ],
    ...attempts.map((attempt, at) => [
      at === 0 ? 'doors' : '',
      `${attempt.from} -> ${attempt.address}: ${attempt.outcome}`,
    ]),
    ...problems.map((problem, at) => [at === 0 ? 'PROBLEMS' : '', problem]),
    ...(problems.length === 0 ? [['passed', '']] : []),
  ];
  return (
    rows.map(([name = '', text = '']) => `${name.padEnd(14)}${text}`.trimEnd()).join('\n') + '\n'
  );
}
