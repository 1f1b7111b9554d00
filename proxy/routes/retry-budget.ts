/** How many retries may be under way; the names are Envoy's. */
export interface RetryBudgetSettings {
  /** A share of the requests that are under way, in percent. */
  readonly percent: number;
  /** So many are always allowed. */
  readonly minimum: number;
}

/**
 * Bounds retries by what is under way: when everything fails, a service that is in trouble gets a fifth more of requests,
 * say, instead of three times as many. What may be retried by the rules of HTTP is judged elsewhere.
 */
export class RetryBudget {
  readonly settings: RetryBudgetSettings;
  /** Requests that are under way, retries included. */
  active = 0;
  #retries = 0;

  constructor(settings: RetryBudgetSettings) {
    this.settings = settings;
  }

  get retries(): number {
    return this.#retries;
  }

  /** Takes one retry, which has to be given back when it has ended; false when there is none. */
  take(): boolean {
    const { percent, minimum } = this.settings;
    const most = Math.max(minimum, Math.floor((this.active * percent) / 100));
    if (this.#retries >= most) return false;
    this.#retries += 1;
    return true;
  }

  giveBack(): void {
    this.#retries -= 1;
  }
}
