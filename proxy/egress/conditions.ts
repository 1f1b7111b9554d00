import type { EgressTarget } from '../../common/authorization/egress.ts';
import type { MonotonicClock, Timer } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { EgressError, type EgressErrorCode } from './egress-error.ts';
import { type CarriedAs, type EgressRules, policyAt } from './policy-at.ts';
import type { TrustMaterials } from './trust-material.ts';

/** Whether a server outside can be called, as far as this sidecar knows. */
export type EgressCondition = 'ready' | 'unchecked' | EgressErrorCode | 'timeout';

/** A server outside that this sidecar may call, and what prevents that. */
export interface EgressState extends EgressTarget {
  readonly condition: EgressCondition;
  /** A sentence; empty when nothing is wrong. */
  readonly why: string;
}

/** What the conditions are found out with. */
export interface ConditionsDependencies extends EgressRules {
  readonly clock: MonotonicClock;
  readonly guard: Pick<Guard, 'run'>;
  readonly policies: Pick<PolicySource, 'mesh' | 'onChange'>;
  readonly trust: Pick<TrustMaterials, 'load'>;
}

/**
 * What prevents connections to each server outside: first what can be seen without calling it (no policy,
 * files that are missing), looked at whenever the policy changes and every few seconds; where there is
 * nothing of that, how the last connection to it failed.
 */
export interface EgressConditions extends Closeable {
  /** Says to which targets there is a way, in place of what the same owner said before. */
  carries(owner: 'listeners' | 'routes' | 'captured', targets: readonly EgressTarget[]): void;
  opened(target: EgressTarget): void;
  failed(target: EgressTarget, condition: EgressCondition, why: string): void;
  summary(): EgressState[];
  close(): void;
}

/** A file that is put right is seen within this time, also without calls. */
const CHECK_INTERVAL_MS = 5_000;

/** The control plane leaves out what is longer than 500. */
const MAX_WHY_CHARACTERS = 300;

const READY: Problem = { condition: 'ready', why: '' };

interface Known {
  readonly target: EgressTarget;
  /** What is harder to keep a policy with, where there are ways of both kinds. */
  carriedAs: CarriedAs;
  /** Undefined when nothing is wrong. */
  own: Problem | undefined | 'unchecked';
  lastCall: Problem | undefined;
  /** Counts the looks: of two that overlap, the later one began with the newer policy. */
  looks: number;
}

interface Problem {
  readonly condition: EgressCondition;
  readonly why: string;
}

/** Starts to look at the targets that are carried. */
export function createEgressConditions(dependencies: ConditionsDependencies): EgressConditions {
  const { clock, guard, policies } = dependencies;
  const owners = new Map<string, readonly EgressTarget[]>();
  const known = new Map<string, Known>();
  let timer: Timer | undefined;
  let closed = false;

  const check = async (entry: Known): Promise<void> => {
    entry.looks += 1;
    const look = entry.looks;
    const problem = await problemOf(entry, dependencies);
    if (look === entry.looks) entry.own = problem;
  };
  const checkAll = async (): Promise<void> => {
    timer?.cancel();
    try {
      await Promise.all([...known.values()].map(check));
    } finally {
      timer?.cancel();
      if (!closed) timer = clock.after(CHECK_INTERVAL_MS, checkAll);
    }
  };
  const checkNow = (): void => guard.run('egress', checkAll);
  const stopWatching = policies.onChange(() => {
    for (const entry of known.values()) entry.lastCall = undefined;
    checkNow();
  });
  checkNow();
  return {
    carries(owner, targets) {
      owners.set(owner, targets);
      const all = new Map([...owners.values()].flat().map((target) => [keyOf(target), target]));
      const routes = owners.get('routes') ?? [];
      const asHttp = new Set(routes.map(keyOf));
      for (const [name, others] of owners) {
        if (name !== 'routes') for (const target of others) asHttp.delete(keyOf(target));
      }
      for (const key of known.keys()) if (!all.has(key)) known.delete(key);
      for (const [key, target] of all) {
        const carriedAs = asHttp.has(key) ? 'http' : 'bytes';
        const entry = known.get(key);
        if (entry !== undefined) entry.carriedAs = carriedAs;
        else known.set(key, { target, carriedAs, own: 'unchecked', lastCall: undefined, looks: 0 });
      }
      checkNow();
    },
    opened(target) {
      const entry = known.get(keyOf(target));
      if (entry !== undefined) entry.lastCall = undefined;
    },
    failed(target, condition, why) {
      const entry = known.get(keyOf(target));
      if (entry !== undefined && condition !== 'aborted') entry.lastCall = { condition, why };
    },
    summary: () =>
      [...known.values()].map(({ target: { host, port }, own, lastCall }) => {
        if (own === 'unchecked') return { host, port, condition: 'unchecked', why: '' };
        const { condition, why } = own ?? lastCall ?? READY;
        return { host, port, condition, why: why.slice(0, MAX_WHY_CHARACTERS) };
      }),
    close() {
      closed = true;
      timer?.cancel();
      stopWatching();
    },
  };
}

async function problemOf(
  { target, carriedAs }: Known,
  dependencies: ConditionsDependencies,
): Promise<Problem | undefined> {
  try {
    await dependencies.trust.load(policyAt(target, dependencies, carriedAs));
    return undefined;
  } catch (error) {
    if (error instanceof EgressError) return { condition: error.code, why: error.message };
    return { condition: 'handshake', why: (error as Error).message };
  }
}

function keyOf({ host, port }: EgressTarget): string {
  return formatHostPort(host, port);
}
