import type { Logger } from 'pino';
import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import type { Guard } from '../../../common/guard.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { KeyedBuckets } from '../../../common/keyed-buckets.ts';
import type { DialBack, DialBackTarget } from './dial-back.ts';
import type { MeshView } from '../mesh-view.ts';
import type { Registry } from '../registry.ts';
import type { SidecarRecord } from '../sidecar-record.ts';

/** How dials ended; labels of `hauberk_address_dials_total`. */
export const DIAL_OUTCOMES = ['found', 'not-found', 'not-dialled'] as const;

/** What proving addresses takes. */
export interface AddressProverOptions {
  readonly registry: Pick<Registry, 'onConnected' | 'dialled'>;
  readonly view: Pick<MeshView, 'endpoints'>;
  readonly mayDial: (record: SidecarRecord, address: string) => boolean;
  readonly dialBack: DialBack;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly count: (outcome: (typeof DIAL_OUTCOMES)[number]) => void;
}

/** A dial takes a handshake, 1 ms of CPU, or three seconds of waiting. */
const MAX_DIALS = 16;

/** Of one identity: it cannot take all of them, whatever it claims. */
const MAX_DIALS_OF_ONE = 4;

/** Of one identity: a service of hundreds that comes back is done within a minute or two. */
const RATE_OF_ONE = { burst: 64, perSecond: 8 };

/** Of one identity: claims beyond wait until their sidecars connect again. */
const MAX_WAITING_OF_ONE = 1_024;

/** A listener that is not there yet, or a network that comes up: tried again after so long. */
const RETRIES_MS = [2_000, 15_000, 60_000] as const;

interface Job {
  readonly instanceId: string;
  readonly target: DialBackTarget;
  readonly failures: number;
}

interface Queue {
  readonly waiting: Map<string, Job>;
  dialling: number;
}

/**
 * Dials what connected sidecars say of their addresses and nothing else proves, and those that some sidecar
 * else holds. A claimant hears of a dial that found it, by its endpoint, and never why another did not:
 * the control plane is no eye into the network for it.
 */
export function startAddressProver(options: AddressProverOptions): Closeable {
  const { registry, view, mayDial, dialBack, clock, logger, guard, count } = options;
  const queues = new Map<string, Queue>();
  const rate = new KeyedBuckets(clock, RATE_OF_ONE);
  const timers = new Set<Timer>();
  let dialling = 0;
  let closed = false;
  let retrying: Timer | undefined;

  const schedule = (delayMs: number, run: () => void): Timer => {
    const timer = clock.after(delayMs, () => {
      timers.delete(timer);
      run();
    });
    timers.add(timer);
    return timer;
  };

  const enqueue = (job: Job): void => {
    const { spiffeId, address } = job.target;
    const queue = queues.get(spiffeId) ?? { waiting: new Map<string, Job>(), dialling: 0 };
    queues.set(spiffeId, queue);
    if (queue.waiting.size >= MAX_WAITING_OF_ONE) return count('not-dialled');
    queue.waiting.set(`${job.instanceId} ${address}`, job);
  };

  /** One of each identity, round after round, as long as there is room. */
  const pump = (): void => {
    for (const [spiffeId, queue] of queues) {
      if (closed || dialling >= MAX_DIALS) return;
      const [next] = queue.waiting;
      if (next === undefined) {
        if (queue.dialling === 0) queues.delete(spiffeId);
      } else if (queue.dialling < MAX_DIALS_OF_ONE) {
        if (rate.take(spiffeId)) {
          queue.waiting.delete(next[0]);
          guard.promise('registry', dial(next[1], queue));
          // To the end of the line.
          queues.delete(spiffeId);
          queues.set(spiffeId, queue);
        } else {
          retrying ??= schedule(1_000 / RATE_OF_ONE.perSecond, () => {
            retrying = undefined;
            pump();
          });
        }
      }
    }
  };

  const dial = async (job: Job, queue: Queue): Promise<void> => {
    const { instanceId, target, failures } = job;
    dialling += 1;
    queue.dialling += 1;
    try {
      const found = await dialBack(target);
      if (closed) return;
      count(found ? 'found' : 'not-found');
      const line = { event: 'address-dialled', instanceId, ...target, found };
      logger.debug(line, `${target.spiffeId} is ${found ? '' : 'not '}at ${target.address}`);
      const delayMs = RETRIES_MS[failures];
      if (found || delayMs === undefined) await registry.dialled(instanceId, target.address, found);
      else {
        schedule(delayMs, () => {
          if (!isWanted(job)) return;
          enqueue({ ...job, failures: failures + 1 });
          pump();
        });
      }
    } catch (error) {
      logger.error(
        { event: 'address-not-proven', instanceId, err: error },
        `a dial to an address of a sidecar could not be made or written: ${describeError(error)}`,
      );
    } finally {
      dialling -= 1;
      queue.dialling -= 1;
      pump();
    }
  };

  /** It may have left, or be elsewhere, by now. */
  const isWanted = ({ instanceId, target }: Job): boolean => {
    const endpoint = view.endpoints.get(instanceId);
    return (
      endpoint !== undefined &&
      endpoint.spiffeId === target.spiffeId &&
      endpoint.hbonePort === target.hbonePort &&
      endpoint.addresses.includes(target.address)
    );
  };

  const stop = registry.onConnected(({ instanceId }) => {
    const endpoint = view.endpoints.get(instanceId);
    if (endpoint === undefined) return;
    const { spiffeId, hbonePort, proofs = [], proven, contests, seen } = endpoint;
    for (const address of endpoint.addresses) {
      // What a dial proved once is asked again: the sidecar may have moved.
      const isDialled = proofs.some(
        (proof) => proof.address === address && proof.dial !== undefined,
      );
      const isContested = contests.some((contest) => contest.address === address);
      const isSure = proven.includes(address) && !isContested && (!isDialled || seen === address);
      if (isSure || !mayDial(endpoint, address)) continue;
      enqueue({ instanceId, target: { spiffeId, address, hbonePort }, failures: 0 });
    }
    pump();
  });

  return {
    close() {
      closed = true;
      stop();
      for (const timer of timers) timer.cancel();
    },
  };
}
