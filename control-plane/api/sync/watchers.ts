import type { Scope } from '../../../common/wire/interest.ts';
import type { TouchedSince } from '../../registry/change-history.ts';
import type { MeshView } from '../../registry/mesh-view.ts';

/** Who is interested in what: finds those whom a change concerns without a look at the others. */
export class Watchers<Watcher> {
  readonly #byScope = new Map<Scope, { readonly scope: Scope; readonly watchers: Set<Watcher> }>();

  /** @returns the scope as one string that all its watchers share */
  add(scope: Scope, watcher: Watcher): Scope {
    let entry = this.#byScope.get(scope);
    if (entry === undefined) {
      entry = { scope, watchers: new Set() };
      this.#byScope.set(scope, entry);
    }
    entry.watchers.add(watcher);
    return entry.scope;
  }

  delete(scope: Scope, watcher: Watcher): void {
    const entry = this.#byScope.get(scope);
    entry?.watchers.delete(watcher);
    if (entry?.watchers.size === 0) this.#byScope.delete(scope);
  }

  /** How many scopes have a watcher. */
  get size(): number {
    return this.#byScope.size;
  }

  /** Those whom endpoints that were touched concern, each with the instance ids of these. */
  concernedBy(
    { endpoints }: TouchedSince,
    index: Pick<MeshView['index'], 'scopesOf'>,
  ): Map<Watcher, string[]> {
    const concerned = new Map<Watcher, string[]>();
    for (const [instanceId, was] of endpoints) {
      for (const scope of [...index.scopesOf(instanceId), ...was]) {
        for (const watcher of this.#byScope.get(scope)?.watchers ?? []) {
          const told = concerned.get(watcher);
          if (told === undefined) concerned.set(watcher, [instanceId]);
          // It may fit several scopes of the same watcher.
          else if (told.at(-1) !== instanceId) told.push(instanceId);
        }
      }
    }
    return concerned;
  }
}
