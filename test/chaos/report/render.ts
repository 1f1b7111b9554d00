import { INVARIANTS } from '../invariants/violations.ts';
import { CLOCK_STEPS_MS, type PlannedFault } from '../plan/schedule.ts';
import type { ChaosReport } from './report.ts';

/** One fault of the schedule in a few words. */
export function describeFault({ name, targets, lastsMs, variant }: PlannedFault): string {
  const long = lastsMs === 0 ? '' : ` for ${seconds(lastsMs)}`;
  return `${name} ${targets.join(', ')}${way(name, variant)}${long}`;
}

function way(name: PlannedFault['name'], variant: number): string {
  if (name === 'one-way') return variant === 0 ? ' (what comes in)' : ' (what goes out)';
  if (name !== 'clock') return '';
  const stepMs = CLOCK_STEPS_MS[variant] ?? 0;
  return ` by ${stepMs > 0 ? '+' : ''}${stepMs / 1_000} s`;
}

/** The end of a run, for people. */
export function renderReport(report: ChaosReport): string {
  const { rounds, violations, writes, packets, exits } = report;
  const faults = rounds.flatMap((round) => round.faults);
  const healed = rounds.flatMap(({ healedMs }) => (healedMs === null ? [] : [healedMs]));
  const longest =
    healed.length === 0 ? '' : `, the longest heal took ${seconds(Math.max(...healed))}`;
  const lines = [
    `seed ${report.seed}: ${faults.length} faults in ${rounds.length} rounds, ${seconds(report.tookMs)}${longest}`,
    `  ${writes.acknowledged} writes acknowledged, ${writes.failed} failed; ${report.refusedAttacks} attacks refused, ` +
      `${report.usesInTime} uses of stolen certificates in time; ${report.certificates} certificates; ${packets.seen} packets seen, ${packets.lost} lost`,
    ...(exits.length === 0 ? [] : [`  ended by themselves: ${exits.join(', ')}`]),
  ];
  for (const invariant of INVARIANTS) {
    const broken = violations.filter((violation) => violation.invariant === invariant);
    lines.push(`  ${broken.length === 0 ? 'held  ' : 'BROKEN'} ${invariant}`);
    for (const { sentence, atMs } of broken)
      lines.push(`         after ${seconds(atMs)}: ${sentence}`);
  }
  if (violations.length > 0) lines.push(`  the same schedule again: ${report.command}`);
  return `${lines.join('\n')}\n`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
