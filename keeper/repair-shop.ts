import type { Logger } from 'pino';
import { fullJitterMs } from '../common/backoff.ts';
import type { MonotonicClock } from '../common/clock.ts';
import { describeError } from '../common/errors.ts';
import { decideRepairs, type Repair } from './decide.ts';
import type { Engine } from './engine.ts';

/** What repairing takes. */
export interface RepairOptions {
  readonly project: string;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** Repairs what is out of place. */
export interface RepairShop {
  /** Looks at everything, and begins what has to be done; never rejects. */
  look(engine: Engine): Promise<void>;
}

/** What cannot be started so often cannot be started, until its pod is another. */
const MAX_TRIES = 5;

/** The engine needs some time where it was asked in vain. */
const RETRY_BOUNDS = { baseMs: 2_000, capMs: 30_000 };

/** How often a container was tried for one start of its pod. */
interface Tries {
  readonly podStartedMs: number;
  readonly count: number;
}

/** Creates one; it remembers what it tried in vain, so that nothing is tried for ever. */
export function createRepairShop({ project, clock, logger, random }: RepairOptions): RepairShop {
  const underWay = new Set<string>();
  const waiting = new Set<string>();
  const tried = new Map<string, Tries>();
  let looking = false;
  let lookAgain = false;

  async function look(engine: Engine): Promise<void> {
    lookAgain = true;
    if (looking) return;
    looking = true;
    try {
      while (lookAgain) {
        lookAgain = false;
        for (const repair of decideRepairs(await engine.containers(project))) {
          if (mayTry(repair)) void carryOut(engine, repair);
        }
      }
    } catch (error) {
      logger.warn(
        { event: 'look-failed' },
        `could not look after the containers: ${describeError(error)}`,
      );
      clock.after(RETRY_BOUNDS.baseMs, () => void look(engine));
    } finally {
      looking = false;
    }
  }

  function triesOf({ container, pod }: Repair): number {
    const last = tried.get(container.id);
    return last?.podStartedMs === pod.startedMs ? last.count : 0;
  }

  function mayTry(repair: Repair): boolean {
    const { id } = repair.container;
    return !underWay.has(id) && !waiting.has(id) && triesOf(repair) < MAX_TRIES;
  }

  async function carryOut(engine: Engine, repair: Repair): Promise<void> {
    const { kind, container, pod } = repair;
    const count = triesOf(repair) + 1;
    tried.set(container.id, { podStartedMs: pod.startedMs, count });
    underWay.add(container.id);
    const fields = { container: container.name, pod: pod.name, kind };
    try {
      await engine[kind](container.id);
      logger.info(
        { event: 'repaired', ...fields },
        `${kind}ed ${container.name} in the network of ${pod.name}, ${REASONS[kind]}`,
      );
    } catch (error) {
      const isLast = count >= MAX_TRIES;
      const next = isLast ? 'it is left alone until its pod starts again' : 'trying again';
      logger[isLast ? 'error' : 'warn'](
        { event: 'repair-failed', ...fields, tries: count },
        `could not ${kind} ${container.name}: ${describeError(error)}; ${next}`,
      );
      waiting.add(container.id);
      clock.after(fullJitterMs(count, RETRY_BOUNDS, random), () => {
        waiting.delete(container.id);
        void look(engine);
      });
    } finally {
      underWay.delete(container.id);
      void look(engine);
    }
  }

  return { look };
}

const REASONS: Readonly<Record<Repair['kind'], string>> = {
  restart: 'which had been started anew',
  start: 'which had not been up when the engine tried',
};
