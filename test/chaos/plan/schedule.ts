import { createRandom, type Random } from '../../helpers/random.ts';
import { CONTROL_PLANES, ETCD_MEMBERS, MESHED, PROCESSES, WRITERS } from './cast.ts';
import type { FaultName } from './fault-names.ts';

/** One fault, at one time. */
export interface PlannedFault {
  readonly name: FaultName;
  /** Processes or hosts, as the fault has them. */
  readonly targets: readonly string[];
  /** Since the beginning of the round. */
  readonly afterMs: number;
  /** Until it is healed; 0 for those that are over when they have happened. */
  readonly lastsMs: number;
  /** What else is to be decided, as the fault has it: an amount, or which of several ways. */
  readonly variant: number;
}

/** Faults that overlap; after the last of them everything has to heal. */
export type Round = readonly PlannedFault[];

const MAX_FAULTS = 3;
const MAX_AFTER_MS = 8_000;
const MIN_LASTS_MS = 2_000;
const MAX_LASTS_MS = 15_000;

/** Steps of the wall clock: within what is harmless, beyond it, and beyond the life of certificates. */
export const CLOCK_STEPS_MS = [20, 120, 600, 7_200].flatMap((seconds) => [
  seconds * 1_000,
  -seconds * 1_000,
]);

/** What a fault can be about, and in how many ways it can happen. */
interface Kind {
  readonly targets: readonly string[];
  readonly count?: number;
  readonly variants?: number;
  /** It is over when it has happened. */
  readonly isMomentary?: true;
}

const NETWORKED = [...ETCD_MEMBERS, ...CONTROL_PLANES, ...MESHED];
const OWN_PROGRAMS = [...CONTROL_PLANES, ...MESHED];

const KINDS: Readonly<Record<FaultName, Kind>> = {
  kill: { targets: PROCESSES },
  stop: { targets: PROCESSES },
  partition: { targets: NETWORKED },
  'one-way': { targets: NETWORKED, variants: 2 },
  'full-disk': { targets: OWN_PROGRAMS },
  clock: { targets: OWN_PROGRAMS, variants: CLOCK_STEPS_MS.length },
  'corrupt-state': { targets: MESHED, variants: 8, isMomentary: true },
  compaction: { targets: ['etcd'], isMomentary: true },
  'quorum-loss': { targets: ETCD_MEMBERS, count: 2 },
  descriptors: { targets: [...ETCD_MEMBERS, ...OWN_PROGRAMS] },
  revocation: { targets: WRITERS, isMomentary: true },
};

/**
 * The faults of a seed, round after round, without an end. The same seed and kinds give the same rounds.
 *
 * In a round no target has two faults of its own, so that each of them can be healed without a look at the others.
 */
export function* rounds(seed: number, names: readonly FaultName[]): Generator<Round, never> {
  const random = createRandom(seed);
  for (;;) yield planRound(random, names);
}

function planRound(random: Random, names: readonly FaultName[]): Round {
  const taken = new Set<string>();
  const count = 1 + random(MAX_FAULTS);
  const faults: PlannedFault[] = [];
  while (faults.length < count) {
    const fault = planFault(random, names);
    const collides = fault.targets.some((target) => taken.has(target));
    for (const target of fault.targets) taken.add(target);
    // Where only few targets are left, the round has fewer faults.
    if (!collides) faults.push(fault);
    else break;
  }
  return faults.toSorted((a, b) => a.afterMs - b.afterMs);
}

function planFault(random: Random, names: readonly FaultName[]): PlannedFault {
  const name = pick(random, names);
  const { targets, count = 1, variants = 1, isMomentary } = KINDS[name];
  const left = [...targets];
  const chosen = Array.from({ length: count }, () => left.splice(random(left.length), 1)[0] ?? '');
  const afterMs = random(MAX_AFTER_MS);
  const lastsMs = MIN_LASTS_MS + random(MAX_LASTS_MS - MIN_LASTS_MS);
  return {
    name,
    targets: chosen,
    afterMs,
    lastsMs: isMomentary === true ? 0 : lastsMs,
    variant: random(variants),
  };
}

function pick<T>(random: Random, all: readonly T[]): T {
  const one = all[random(all.length)];
  if (one === undefined) throw new RangeError('there is nothing to choose from');
  return one;
}
