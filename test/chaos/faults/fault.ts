import type { Mesh } from '../mesh/mesh.ts';
import type { Credential } from '../mesh/observer.ts';
import type { PlannedFault } from '../plan/schedule.ts';

/** What faults work on. */
export interface FaultContext {
  readonly mesh: Mesh;
  /** A certificate was revoked, of which an attacker has a copy. */
  onRevoked(who: string, credential: Credential): void;
}

/** Undoes a fault, whatever has become of its target meanwhile. */
export type Heal = () => Promise<void>;

/** A kind of fault: makes one, and resolves when it is there. */
export type Fault = (context: FaultContext, planned: PlannedFault) => Promise<Heal>;

/** For faults that are over when they have happened. */
export const nothingToHeal: Heal = () => Promise.resolve();

/** The one target of a fault that has one. */
export function targetOf({ name, targets }: PlannedFault): string {
  const [target] = targets;
  if (target === undefined) throw new RangeError(`${name} needs a target`);
  return target;
}
