import { scopesOf, type Scope } from '../../common/wire/interest.ts';
import type { MeshEndpoint } from './addresses/address-book.ts';

/** Finds endpoints by what sidecars are interested in. */
export class EndpointIndex {
  readonly #endpoints = new Map<string, MeshEndpoint>();
  /** By instance id. */
  readonly #scopes = new Map<string, readonly Scope[]>();
  /** Instance ids. */
  readonly #byScope = new Map<Scope, Set<string>>();

  /** All of them, by instance id. */
  get endpoints(): ReadonlyMap<string, MeshEndpoint> {
    return this.#endpoints;
  }

  /** The scopes that an endpoint fits; none when it is not there. */
  scopesOf(instanceId: string): readonly Scope[] {
    return this.#scopes.get(instanceId) ?? [];
  }

  /** Instance ids of the endpoints that fit a scope. */
  in(scope: Scope): Iterable<string> {
    return this.#byScope.get(scope) ?? [];
  }

  put(endpoint: MeshEndpoint): void {
    const { instanceId } = endpoint;
    this.delete(instanceId);
    const scopes = scopesOf(endpoint);
    this.#endpoints.set(instanceId, endpoint);
    this.#scopes.set(instanceId, scopes);
    for (const scope of scopes) {
      const fitting = this.#byScope.get(scope);
      if (fitting === undefined) this.#byScope.set(scope, new Set([instanceId]));
      else fitting.add(instanceId);
    }
  }

  /** @returns whether it was there */
  delete(instanceId: string): boolean {
    for (const scope of this.scopesOf(instanceId)) {
      const fitting = this.#byScope.get(scope);
      fitting?.delete(instanceId);
      if (fitting?.size === 0) this.#byScope.delete(scope);
    }
    this.#scopes.delete(instanceId);
    return this.#endpoints.delete(instanceId);
  }
}
