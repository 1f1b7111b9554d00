import { isLoopback } from '../../../common/network/ip-address.ts';
import { isAllowedAt, type AddressRules } from '../../../common/mesh-config/addresses.ts';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { AddressContest } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { judgeClaims, type AddressClaim, type Proof, type Verdict } from './claims.ts';
import type { RetainedAddresses } from './retained-addresses.ts';
import { type SidecarRecord, isEndpoint } from '../sidecar-record.ts';

/** At which of its addresses a sidecar counts. */
export interface AddressStatus {
  /** In the order of its record. */
  readonly proven: readonly string[];
  readonly contests: readonly AddressContest[];
}

/** Which sidecar claims which address, and whose claims hold. */
export class AddressBook {
  readonly #claims = new Map<string, Map<string, AddressClaim>>();
  readonly #verdicts = new Map<string, Map<string, Verdict>>();
  readonly #addressesOf = new Map<string, readonly string[]>();
  /** Identities of those that have left, by key, and how many of each. */
  readonly #retained = new Map<string, string>();
  readonly #retainedBy = new Map<string, number>();
  #last = 0;

  /** A number higher than all that are in the book. */
  next(): number {
    this.#last += 1;
    return this.#last;
  }

  /** Takes the claims of a sidecar; tells whose status may be another one now. */
  putSidecar(record: SidecarRecord, rules: AddressRules): ReadonlySet<string> {
    const { instanceId, spiffeId, addresses, proofs = [], hbonePort, ports, anyPort } = record;
    const claimed = { id: instanceId, spiffeId, hbonePort, ports, anyPort };
    // One that only calls is nowhere, as far as others are concerned.
    const claims = (hbonePort === 0 ? [] : addresses).map((address): [string, AddressClaim] => {
      const known = proofs.find((proof) => proof.address === address);
      const proof = proofOf(record, address, known?.dial, rules);
      this.#last = Math.max(this.#last, known?.turn ?? 0, known?.dial ?? 0);
      return [address, { ...claimed, turn: known?.turn, proof }];
    });
    return this.#put(instanceId, claims);
  }

  removeSidecar(instanceId: string): ReadonlySet<string> {
    return this.#put(instanceId, []);
  }

  /**
   * Takes the retained addresses of a sidecar that has left.
   *
   * @param key in the store: with its slashes it is no instance id
   */
  putRetained(key: string, retained: RetainedAddresses): ReadonlySet<string> {
    this.#countRetained(key, retained.spiffeId);
    const claims = retained.places.map(({ address, turn }): [string, AddressClaim] => {
      this.#last = Math.max(this.#last, turn);
      return [address, { ...retained, id: key, turn, proof: { ground: 'seen' } }];
    });
    return this.#put(key, claims);
  }

  removeRetained(key: string): ReadonlySet<string> {
    this.#countRetained(key, undefined);
    return this.#put(key, []);
  }

  statusOf({ instanceId, addresses }: SidecarRecord): AddressStatus {
    const proven: string[] = [];
    const contests: AddressContest[] = [];
    for (const address of addresses) {
      const verdict = this.#verdicts.get(address)?.get(instanceId);
      if (verdict?.kind !== 'proven') continue;
      proven.push(address);
      for (const { holder, ports } of verdict.contests) contests.push({ address, holder, ports });
    }
    return { proven, contests };
  }

  /** The turn of an identity that holds, or has lately held, the address; undefined for a newcomer. */
  turnOf(address: string, spiffeId: string): number | undefined {
    const turns = [...(this.#claims.get(address)?.values() ?? [])]
      .filter((claim) => claim.spiffeId === spiffeId && claim.turn !== undefined)
      .map(({ turn = 0 }) => turn);
    return turns.length === 0 ? undefined : Math.min(...turns);
  }

  /** How many sidecars of an identity have left lately. */
  retainedBy(spiffeId: string): number {
    return this.#retainedBy.get(spiffeId) ?? 0;
  }

  /** True for an address that is kept for a sidecar that has left lately. */
  isRetained(address: string): boolean {
    const claims = this.#claims.get(address)?.keys() ?? [];
    for (const id of claims) if (this.#retained.has(id)) return true;
    return false;
  }

  #countRetained(key: string, holder: string | undefined): void {
    const before = this.#retained.get(key);
    if (before !== undefined) {
      const left = this.retainedBy(before) - 1;
      if (left > 0) this.#retainedBy.set(before, left);
      else this.#retainedBy.delete(before);
    }
    if (holder === undefined) return void this.#retained.delete(key);
    this.#retained.set(key, holder);
    this.#retainedBy.set(holder, this.retainedBy(holder) + 1);
  }

  #put(id: string, claims: readonly (readonly [string, AddressClaim])[]): ReadonlySet<string> {
    const before = this.#addressesOf.get(id) ?? [];
    const addresses = claims.map(([address]) => address);
    for (const address of before) this.#claims.get(address)?.delete(id);
    for (const [address, claim] of claims) {
      const all = this.#claims.get(address) ?? new Map<string, AddressClaim>();
      this.#claims.set(address, all.set(id, claim));
    }
    if (claims.length === 0) this.#addressesOf.delete(id);
    else this.#addressesOf.set(id, addresses);
    const changed = new Set([id]);
    for (const address of new Set([...before, ...addresses])) {
      for (const other of this.#judge(address, id)) changed.add(other);
    }
    return changed;
  }

  /** Judges an address again; tells whose verdict is another one. */
  #judge(address: string, changed: string): readonly string[] {
    const claims = this.#claims.get(address);
    if (claims === undefined || claims.size === 0) {
      this.#claims.delete(address);
      this.#verdicts.delete(address);
      return [];
    }
    const before = this.#verdicts.get(address) ?? new Map<string, Verdict>();
    // Nothing that goes to this host itself is captured, so that no workload can be taken for another there.
    if (isLoopback(address)) {
      const claim = claims.get(changed);
      if (claim?.proof === undefined) before.delete(changed);
      else before.set(changed, { kind: 'proven', contests: [] });
      this.#verdicts.set(address, before);
      return [];
    }
    const verdicts = judgeClaims(claims.values());
    this.#verdicts.set(address, verdicts);
    return [...verdicts]
      .filter(([id, verdict]) => JSON.stringify(before.get(id)) !== JSON.stringify(verdict))
      .map(([id]) => id);
  }
}

/** What proves that a sidecar is at an address; undefined when nothing does. */
export function proofOf(
  { seen, spiffeId }: SidecarRecord,
  address: string,
  dial: number | undefined,
  rules: AddressRules,
): Proof | undefined {
  if (dial !== undefined) return { ground: 'dialled', dial };
  if (seen === undefined || seen === address) return { ground: 'seen' };
  return isAllowedAt(rules, parseSpiffeId(spiffeId), address) ? { ground: 'allowed' } : undefined;
}

/** A sidecar as its peers are told it. */
export interface MeshEndpoint extends SidecarRecord, AddressStatus {}

/** The endpoint of a sidecar by what is known of its addresses; undefined for one that only calls. */
export function endpointOf(
  record: SidecarRecord | undefined,
  book: AddressBook,
): MeshEndpoint | undefined {
  if (record === undefined || !isEndpoint(record)) return undefined;
  return { ...record, ...book.statusOf(record) };
}
