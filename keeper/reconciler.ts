import type { Logger } from 'pino';
import { fullJitterMs } from '../common/backoff.ts';
import type { MonotonicClock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import type { Guard } from '../common/guard.ts';
import { decideRepairs, type Repair } from './decide.ts';
import type { Engine } from './engine.ts';

/** What a reconciler needs. */
export interface ReconcilerOptions {
  readonly project: string;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** Brings the containers of a project back into the namespaces of their pods. */
export interface Reconciler {
  /** Looks at everything, and begins what has to be done; never rejects. */
  reconcile(engine: Engine): Promise<void>;
}

/** What cannot be started so often cannot be started, until its pod is another. */
const MAX_ATTEMPTS = 5;

/** The engine needs some time where it was asked in vain. */
const RETRY_BOUNDS = { baseMs: 2_000, capMs: 30_000 };

/** How often a container was tried for one start of its pod. */
interface Attempts {
  readonly podStartedMs: number;
  readonly count: number;
}

/** Creates one; it remembers what it tried in vain, so that nothing is tried for ever. */
export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { project, clock, logger, guard, random } = options;
  const inProgress = new Set<string>();
  const backingOff = new Set<string>();
  const attempts = new Map<string, Attempts>();
  let reconciling = false;
  let reconcileAgain = false;

  async function reconcile(engine: Engine): Promise<void> {
    reconcileAgain = true;
    if (reconciling) return;
    reconciling = true;
    try {
      while (reconcileAgain) {
        reconcileAgain = false;
        for (const repair of decideRepairs(await engine.containers(project))) {
          if (mayAttempt(repair)) guard.promise('keeper', carryOut(engine, repair));
        }
      }
    } catch (error) {
      const line = { event: 'look-failed' };
      logger.warn(line, `could not check the containers: ${describeError(error)}`);
      clock.after(RETRY_BOUNDS.baseMs, () => reconcile(engine));
    } finally {
      reconciling = false;
    }
  }

  function attemptsOf({ container, pod }: Repair): number {
    const last = attempts.get(container.id);
    return last?.podStartedMs === pod.startedMs ? last.count : 0;
  }

  function mayAttempt(repair: Repair): boolean {
    const { id } = repair.container;
    return !inProgress.has(id) && !backingOff.has(id) && attemptsOf(repair) < MAX_ATTEMPTS;
  }

  async function carryOut(engine: Engine, repair: Repair): Promise<void> {
    const { kind, container, pod } = repair;
    const count = attemptsOf(repair) + 1;
    attempts.set(container.id, { podStartedMs: pod.startedMs, count });
    inProgress.add(container.id);
    const fields = { container: container.name, pod: pod.name, kind };
    try {
      await engine[kind](container.id);
      logger.info(
        { event: 'repaired', ...fields },
        `${kind}ed ${container.name} in the network of ${pod.name}, ${REASONS[kind]}`,
      );
    } catch (error) {
      const isLast = count >= MAX_ATTEMPTS;
      const next = isLast ? 'the next try follows when its pod starts again' : 'trying again';
      logger[isLast ? 'error' : 'warn'](
        { event: 'repair-failed', ...fields, tries: count },
        `could not ${kind} ${container.name}: ${describeError(error)}; ${next}`,
      );
      backingOff.add(container.id);
      clock.after(fullJitterMs(count, RETRY_BOUNDS, random), () => {
        backingOff.delete(container.id);
        return reconcile(engine);
      });
    } finally {
      inProgress.delete(container.id);
      guard.promise('keeper', reconcile(engine));
    }
  }

  return { reconcile };
}

const REASONS: Readonly<Record<Repair['kind'], string>> = {
  restart: 'which had been restarted',
  start: 'which was not running when the engine tried',
};
