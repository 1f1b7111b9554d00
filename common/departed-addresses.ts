import type { MonotonicClock } from './clock.ts';

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
export const MAX_DEPARTED = 65_536;

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

  /** True for an address at which one was lately. */
  wasAt(address: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#overflowMs < DEPARTED_MS) return true;
    const goneMs = this.#departedMs.get(address);
    return goneMs !== undefined && nowMs - goneMs < DEPARTED_MS;
  }
}
