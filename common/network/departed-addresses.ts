import type { MonotonicClock } from '../clock.ts';

/**
 * Long enough for a sidecar that is restarted, updated or repaired by hand; short enough that an
 * address which the container engine gives to a container outside the mesh can be called again soon.
 */
export const DEPARTED_MS = 10 * 60_000;

/**
 * Far more than the addresses of a large mesh; some 10 MB. Beyond it no address can be told from those that
 * have departed, so all count as departed until there is room again: forgetting one would let its
 * application be called in plaintext.
 */
const MAX_DEPARTED = 65_536;

/** What is remembered, for another process. */
export interface Departures {
  readonly addresses: readonly string[];
  /** There were more: every address counts as departed. */
  readonly areMore: boolean;
}

/** Remembers for DEPARTED_MS at which addresses, in canonical form, an endpoint was proven to be. */
export class DepartedAddresses {
  readonly #clock: MonotonicClock;
  readonly #maxAddresses: number;
  /** The one that went first comes first. */
  readonly #departedMs = new Map<string, number>();
  #overflowMs = Number.NEGATIVE_INFINITY;

  constructor(clock: MonotonicClock, maxAddresses: number = MAX_DEPARTED) {
    this.#clock = clock;
    this.#maxAddresses = maxAddresses;
  }

  /** No endpoint is there any more. */
  add(addresses: Iterable<string>): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [address, goneMs] of this.#departedMs) {
      if (nowMs - goneMs < DEPARTED_MS) break;
      this.#departedMs.delete(address);
    }
    for (const address of addresses) {
      this.#departedMs.delete(address);
      if (this.#departedMs.size < this.#maxAddresses) this.#departedMs.set(address, nowMs);
      else this.#overflowMs = nowMs;
    }
  }

  /** What is remembered now: who takes it over remembers it for as long again. */
  saved(): Departures {
    const addresses = [...this.#departedMs.keys()].filter((address) => this.#isRemembered(address));
    return { addresses, areMore: this.#isFull() };
  }

  takeOver({ addresses, areMore }: Departures): void {
    this.add(addresses);
    if (areMore) this.#overflowMs = this.#clock.monotonicMs();
  }

  /** True for an address at which one was lately. */
  wasAt(address: string): boolean {
    return this.#isFull() || this.#isRemembered(address);
  }

  #isFull(): boolean {
    return this.#clock.monotonicMs() - this.#overflowMs < DEPARTED_MS;
  }

  #isRemembered(address: string): boolean {
    const goneMs = this.#departedMs.get(address);
    return goneMs !== undefined && this.#clock.monotonicMs() - goneMs < DEPARTED_MS;
  }
}
