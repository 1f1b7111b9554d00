/** How many requests there may be at a time. */
export interface RequestLimitSettings {
  /** Requests that are under way at the service. */
  readonly maxConcurrent: number;
  /** Requests that wait until one of them has ended. */
  readonly maxPending: number;
}

/** A request that waits for its turn, in a list of its own making: no promise and no array is moved for it. */
export interface PendingRequest {
  /** Its turn has come: it counts as under way. */
  admitted(): void;
}

/**
 * Bounds the requests of a route: so many at a time, so many more that wait for their turn in the order in which they came, and
 * no more. Without it, a service that slows down collects requests until something breaks.
 */
export class RequestLimit {
  readonly settings: RequestLimitSettings;
  readonly #pending = new Set<PendingRequest>();
  #active = 0;

  constructor(settings: RequestLimitSettings) {
    this.settings = settings;
  }

  get active(): number {
    return this.#active;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /**
   * Asks for a turn. `admitted`: it is under way, and `leave` is to be called when it has ended. `pending`: it is told when its
   * turn has come, unless it is withdrawn. `refused`: there are too many.
   */
  enter(request: PendingRequest): 'admitted' | 'pending' | 'refused' {
    if (this.#active < this.settings.maxConcurrent) {
      this.#active += 1;
      return 'admitted';
    }
    if (this.#pending.size >= this.settings.maxPending) return 'refused';
    this.#pending.add(request);
    return 'pending';
  }

  /** It waits no more. */
  withdraw(request: PendingRequest): void {
    this.#pending.delete(request);
  }

  /** One that was under way has ended; the next one has its turn. */
  leave(): void {
    this.#active -= 1;
    for (const next of this.#pending) {
      this.#pending.delete(next);
      this.#active += 1;
      return next.admitted();
    }
  }
}
