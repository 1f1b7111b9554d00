import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { repeat } from '../../common/repeat.ts';
import { StoreError } from '../store/store-error.ts';
import type { Store } from '../store/store.ts';

/**
 * How long the registrations of connected sidecars survive the control plane that they are connected
 * to. They have this long to come back after a restart (the store restarts leases then), before
 * they vanish from the view of the others: several times the longest pause between their tries.
 */
export const SESSION_TTL_MS = 60_000;

const KEEP_ALIVE_MS = SESSION_TTL_MS / 3;

/** What the lease needs. */
export interface SessionLeaseOptions {
  readonly store: Store;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** The lease was lost, and what was bound to it has to be written again. */
  readonly onReplaced: (lease: string) => void;
}

/**
 * One lease for all sidecars that are connected to this process: keeping it alive costs the same for
 * one sidecar as for thousands.
 */
export interface SessionLease extends Closeable {
  /** The lease to bind to now. */
  readonly id: string;
  /** Makes sure that there is a lease, after the store said that the present one is gone. */
  replace(lost: string): Promise<void>;
  close(): void;
}

/** Grants the lease and keeps it alive until it is closed; its keys stay for SESSION_TTL_MS then. */
export async function openSessionLease(options: SessionLeaseOptions): Promise<SessionLease> {
  const { store, clock, logger, onReplaced } = options;
  let id = await store.grantLease(SESSION_TTL_MS);
  let replacing: Promise<void> | undefined;

  const replace = (lost: string): Promise<void> => {
    if (lost !== id) return Promise.resolve();
    replacing ??= store
      .grantLease(SESSION_TTL_MS)
      .then((granted) => {
        id = granted;
        logger.warn({ event: 'session-lease-replaced' }, 'the lease of the sidecars was lost');
        onReplaced(granted);
      })
      .finally(() => {
        replacing = undefined;
      });
    return replacing;
  };
  const keepAlive = async (): Promise<void> => {
    const kept = id;
    try {
      await store.keepLeaseAlive(kept);
    } catch (error) {
      if (error instanceof StoreError && error.code === 'lease-not-found') await replace(kept);
      else throw error;
    }
  };
  const keeping = repeat(clock, KEEP_ALIVE_MS, () =>
    keepAlive().catch((error: unknown) => {
      logger.error(
        { event: 'session-lease-failed', err: error },
        `the lease of the sidecars could not be kept alive: ${describeError(error)}`,
      );
    }),
  );
  return {
    get id() {
      return id;
    },
    replace,
    close: keeping.stop,
  };
}
