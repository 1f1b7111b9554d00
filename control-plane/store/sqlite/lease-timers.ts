import type { Logger } from 'pino';
import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import type { StoredLease } from './tables.ts';

/** After a failure to delete the keys of an expired lease (a full disk, say). */
const RETRY_MS = 1000;

/**
 * A timer that runs this late means that the process, or the machine, was held up (suspended, or
 * stuck in a slow sync): the keep-alives that came meanwhile are still unread.
 */
const HELD_UP_MS = 1000;

/** What the timers work with. */
export interface LeaseTimersOptions {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** Ends the lease in the database. */
  readonly end: (lease: string) => Promise<void>;
}

/**
 * When each lease runs out. Deadlines live in memory only: keeping a lease alive costs no write, and
 * a restarted control plane gives each lease its full time again, as etcd does when its leader
 * changes, so that sidecars can come back before their endpoints vanish.
 *
 *     start ──> running ──keepAlive──> running
 *                  └──time is up──> ended in the database (again after RETRY_MS when that fails)
 *
 * It measures by timers and not by comparing wall-clock times: setting the machine's clock forward
 * must not expire every lease at once.
 */
export class LeaseTimers {
  readonly #options: LeaseTimersOptions;
  readonly #running = new Map<string, { readonly ttlMs: number; dueMs: number; timer: Timer }>();
  readonly #retries = new Set<Timer>();
  #closed = false;

  constructor(options: LeaseTimersOptions) {
    this.#options = options;
  }

  /** Begins the lease's time to live. */
  start({ id, ttlMs }: StoredLease): void {
    if (this.#closed) return;
    this.#running.get(id)?.timer.cancel();
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + ttlMs;
    const timer = clock.after(ttlMs, () => this.#onDue(id));
    this.#running.set(id, { ttlMs, dueMs, timer });
  }

  /** Restarts the lease's time; false when it is not running. */
  keepAlive(id: string): boolean {
    const lease = this.#running.get(id);
    if (lease === undefined) return false;
    this.start({ id, ttlMs: lease.ttlMs });
    return true;
  }

  /** Forgets the lease: it was ended on purpose. */
  forget(id: string): void {
    this.#running.get(id)?.timer.cancel();
    this.#running.delete(id);
  }

  /** Cancels all timers; nothing expires any more. */
  close(): void {
    this.#closed = true;
    for (const lease of this.#running.values()) lease.timer.cancel();
    for (const timer of this.#retries) timer.cancel();
    this.#running.clear();
    this.#retries.clear();
  }

  async #onDue(id: string): Promise<void> {
    const lease = this.#running.get(id);
    if (lease === undefined) return;
    const lateMs = this.#options.clock.monotonicMs() - lease.dueMs;
    if (lateMs > HELD_UP_MS) {
      this.#options.logger.warn(
        { event: 'lease-extended', lease: id, lateMs },
        'the process was suspended when a lease expired; the lease starts again',
      );
      this.start({ id, ttlMs: lease.ttlMs });
      return;
    }
    this.#running.delete(id);
    await this.#end(id);
  }

  async #end(id: string): Promise<void> {
    const { clock, logger, end } = this.#options;
    try {
      await end(id);
      logger.debug({ event: 'lease-expired', lease: id }, 'a lease expired; its keys are deleted');
    } catch (error) {
      if (this.#closed) return;
      logger.error(
        { event: 'lease-end-failed', lease: id, retryInMs: RETRY_MS, err: error },
        'the keys of an expired lease could not be deleted; they stay until the next try',
      );
      const timer = clock.after(RETRY_MS, () => {
        this.#retries.delete(timer);
        return this.#end(id);
      });
      this.#retries.add(timer);
    }
  }
}
