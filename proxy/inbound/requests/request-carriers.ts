import type { CarriedRequests } from './carry-requests.ts';

/** The connections whose requests are looked at: unlike bytes, they can be asked to end. */
export class RequestCarriers {
  readonly #carried = new Set<CarriedRequests>();
  #isDraining = false;

  /** Adds one; it is taken out when it has ended. */
  async carry(carried: CarriedRequests): CarriedRequests['done'] {
    this.#carried.add(carried);
    if (this.#isDraining) carried.drain();
    try {
      return await carried.done;
    } finally {
      this.#carried.delete(carried);
    }
  }

  /** Has all end as soon as they can, those that come from now on too. */
  drain(): void {
    this.#isDraining = true;
    for (const carried of this.#carried) carried.drain();
  }
}
