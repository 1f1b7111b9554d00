import type { SidecarRecord } from './sidecar-record.ts';

/** Sidecars by instance id, and by identity: who connects is looked at beside its own service alone. */
export interface SidecarIndex extends ReadonlyMap<string, SidecarRecord> {
  /** Those of one identity. */
  of(spiffeId: string): readonly SidecarRecord[];
}

/** The same, to be changed. */
export class MutableSidecarIndex extends Map<string, SidecarRecord> implements SidecarIndex {
  readonly #byIdentity = new Map<string, Set<string>>();

  of(spiffeId: string): readonly SidecarRecord[] {
    return Array.from(this.#byIdentity.get(spiffeId) ?? [], (id) => this.get(id)).filter(
      (record) => record !== undefined,
    );
  }

  override set(instanceId: string, record: SidecarRecord): this {
    this.#forget(instanceId);
    const { spiffeId } = record;
    const ids = this.#byIdentity.get(spiffeId) ?? new Set();
    this.#byIdentity.set(spiffeId, ids.add(instanceId));
    return super.set(instanceId, record);
  }

  override delete(instanceId: string): boolean {
    this.#forget(instanceId);
    return super.delete(instanceId);
  }

  override clear(): void {
    this.#byIdentity.clear();
    super.clear();
  }

  #forget(instanceId: string): void {
    const before = this.get(instanceId);
    if (before === undefined) return;
    const ids = this.#byIdentity.get(before.spiffeId);
    ids?.delete(instanceId);
    if (ids?.size === 0) this.#byIdentity.delete(before.spiffeId);
  }
}
