import { Listeners } from '../../../common/listeners.ts';
import { MAX_SCOPES, type Scope } from '../../../common/wire/interest.ts';

/** Why a sidecar needs to be told of endpoints. */
export type Need =
  /** It is one of them, and hears who claims what is its own. */
  | 'own-service'
  | 'upstreams'
  /** A transparent sidecar's application may call them by address. */
  | 'reachable'
  /** Routes of the mesh lead to them. */
  | 'routes'
  /** Routes of a gateway lead to them. */
  | 'gateway'
  /** Its application called an address. */
  | 'addresses';

/** What this sidecar asks to be told of. */
export interface InterestSource {
  /** Undefined: everything, since it would be more than a stream may name. */
  readonly wanted: ReadonlySet<Scope> | undefined;
  /** Calls back after every change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** The interest of a sidecar, which is the sum of its needs. */
export class Interest implements InterestSource {
  readonly #needs = new Map<Need, Set<Scope>>();
  readonly #listeners = new Listeners();
  #wanted = new Set<Scope>();

  get wanted(): ReadonlySet<Scope> | undefined {
    return this.#wanted.size > MAX_SCOPES ? undefined : this.#wanted;
  }

  readonly onChange = this.#listeners.add;

  /** What one need names. */
  get(need: Need): ReadonlySet<Scope> {
    return this.#needs.get(need) ?? new Set();
  }

  /** Says all that one need names from now on. */
  set(need: Need, scopes: Iterable<Scope>): void {
    this.#needs.set(need, new Set(scopes));
    const before = this.#wanted;
    this.#wanted = new Set();
    for (const named of this.#needs.values()) for (const scope of named) this.#wanted.add(scope);
    if (this.#wanted.symmetricDifference(before).size > 0) this.#listeners.tell();
  }

  /** Says one thing more. */
  add(need: Need, scope: Scope): void {
    const named = this.#needs.get(need) ?? new Set();
    this.#needs.set(need, named.add(scope));
    if (this.#wanted.has(scope)) return;
    this.#wanted.add(scope);
    this.#listeners.tell();
  }
}
