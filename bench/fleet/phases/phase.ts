import { pause } from '../../lab/deadline.ts';
import { cpuMs } from '../../measure/process-usage.ts';
import type { FleetControlPlane } from '../control-plane.ts';
import type { FleetOptions } from '../fleet-options.ts';
import { quantile, type FleetFigure } from '../fleet-results.ts';
import type { FleetService } from '../plan.ts';
import { machineMs } from '../machine-clock.ts';
import type { TrafficOutcome } from '../simulator/orders.ts';
import type { Simulators } from '../simulators.ts';

/** What a phase measures with. */
export interface FleetSetting {
  readonly options: FleetOptions;
  readonly controlPlane: FleetControlPlane;
  readonly simulators: Simulators;
  readonly services: readonly FleetService[];
  /** Resident memory of the control plane without sidecars, in bytes. */
  readonly baseline: number;
  /** Says what comes next, and ends the run when it was aborted. */
  readonly begin: (what: string) => void;
}

/** What a phase found. */
export interface PhaseOutcome {
  readonly figures: readonly FleetFigure[];
  readonly shortfalls: readonly string[];
}

/** For whatever every sidecar is told. */
export const SPREAD_DEADLINE_MS = 60_000;

/** Processor time of the control plane and of the simulators since a moment. */
export function usageSince({ controlPlane, simulators }: FleetSetting): () => {
  readonly controlPlaneMs: number;
  readonly simulatorsMs: number;
} {
  const [ours, theirs] = [controlPlane.cpuMs(), cpuMs(simulators.pids)];
  return () => ({
    controlPlaneMs: controlPlane.cpuMs() - ours,
    simulatorsMs: cpuMs(simulators.pids) - theirs,
  });
}

/** How often it is asked whether messages still come. */
const QUIET_MS = 500;

/** Waits until no messages come in any more. @returns those that came in since the last time */
export async function untilQuiet({ simulators }: FleetSetting): Promise<TrafficOutcome> {
  const endMs = machineMs() + SPREAD_DEADLINE_MS;
  const all = { messages: 0, bytes: 0, endpoints: 0 };
  for (;;) {
    const { messages, bytes, endpoints } = await simulators.traffic();
    all.messages += messages;
    all.bytes += bytes;
    all.endpoints += endpoints;
    if (messages === 0 || machineMs() > endMs) return all;
    await pause(QUIET_MS);
  }
}

/** Since when a change was on its way, and when each of those saw it that need it. */
export interface Spread {
  readonly startMs: number;
  readonly atMs: readonly number[];
  /** How many need it. */
  readonly many: number;
}

/** The figures of how a change spread: when 99 % and when all had it. */
export function spreadOutcome(
  phase: string,
  what: string,
  { startMs, atMs, many }: Spread,
  limitMs?: number,
): PhaseOutcome {
  const timeAt = (title: string, share: number): FleetFigure => ({
    phase,
    title,
    unit: 'ms',
    value: quantile(atMs, share) - startMs,
    ...(limitMs === undefined ? {} : { target: { is: 'at-most', limit: limitMs } }),
  });
  const missing = many - atMs.length;
  return {
    figures: [
      { phase, title: `${what}: sidecars that need it`, unit: '', value: many },
      ...(atMs.length === 0
        ? []
        : [timeAt(`${what}: at 99 %`, 0.99), timeAt(`${what}: at all`, 1)]),
    ],
    shortfalls:
      missing > 0 ? [`${what}: ${missing} of ${many} sidecars did not get it in time`] : [],
  };
}

/** What failed, in a sentence; nothing when nothing did. */
export function failed(what: string, failures: Readonly<Record<string, number>>): string[] {
  const all = Object.entries(failures).map(([reason, many]) => `${many} ${reason}`);
  return all.length === 0 ? [] : [`${what} failed: ${all.join(', ')}`];
}

/** A figure without a target, or with one. */
export function figure(
  phase: string,
  title: string,
  unit: string,
  value: number,
  target?: FleetFigure['target'],
): FleetFigure {
  return { phase, title, unit, value, ...(target === undefined ? {} : { target }) };
}
