import type { PlaintextFlow, PlaintextTraffic } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { Direction } from './proxy-metrics.ts';

/** A thousand addresses are a scanner, or the whole internet; memory is for neither. */
const MAX_FLOWS = 1_000;

/** What a person reads in `hauberk status`. */
const MAX_SHOWN = 10;

/** Remembers what passed in plaintext, so that an operator sees what is left to be meshed. */
export class PlaintextFlows {
  readonly #flows = new Map<
    string,
    { -readonly [Key in keyof PlaintextFlow]: PlaintextFlow[Key] }
  >();
  #connections = 0;

  /** One more connection; beyond the bound new flows are counted, but not told apart. */
  count(direction: Direction, address: string, port: number): void {
    this.#connections += 1;
    const key = `${direction} ${address} ${port}`;
    const known = this.#flows.get(key);
    if (known !== undefined) {
      known.connections += 1;
    } else if (this.#flows.size < MAX_FLOWS) {
      this.#flows.set(key, { inbound: direction === 'inbound', address, port, connections: 1 });
    }
  }

  /** All that are told apart. */
  all(): Iterable<PlaintextFlow> {
    return this.#flows.values();
  }

  summary(): PlaintextTraffic {
    const flows = [...this.#flows.values()].sort((a, b) => b.connections - a.connections);
    return {
      connections: this.#connections,
      flows: flows.length,
      mostUsed: structuredClone(flows.slice(0, MAX_SHOWN)),
    };
  }
}
