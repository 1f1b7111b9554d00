import { readFileSync } from 'node:fs';
import { SharedBudget, type BudgetDenial, type BudgetShare } from './shared-budget.ts';

/** What the system would use by itself (IANA, RFC 6335). */
const DEFAULT_RANGE = { first: 49_152, last: 65_535 };

/** How many local ports the system chooses from for connections to one address and port. */
export function countLocalPorts(): number {
  const { first, last } = readRange() ?? DEFAULT_RANGE;
  return Math.max(last - first + 1, 1);
}

function readRange(): { readonly first: number; readonly last: number } | undefined {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1');
    const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
    return { first, last };
  } catch {
    return undefined;
  }
}

/**
 * The local ports of connections to each place (an address and a port): no two connections to one place
 * have the same. A place costs memory while there are connections to it.
 */
export class PortBudget {
  readonly #places = new Map<string, SharedBudget>();
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  /** How many there are for each place. */
  get count(): number {
    return this.#count;
  }

  /** Takes a port to the place: `give` it back. Returns why not when there is none. */
  take(place: string, share: BudgetShare): BudgetDenial | undefined {
    const budget = this.#places.get(place) ?? new SharedBudget(this.#count);
    const denial = budget.take(share);
    if (denial === undefined) this.#places.set(place, budget);
    return denial;
  }

  give(place: string, share: BudgetShare): void {
    const budget = this.#places.get(place);
    budget?.give(share);
    if (budget?.used === 0) this.#places.delete(place);
  }
}

/** The ports are those of the network namespace that this process is in. */
export const PROCESS_PORTS = new PortBudget(countLocalPorts());
