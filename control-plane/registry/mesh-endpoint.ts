import type { AddressContest } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { AddressBook, Standing } from './addresses/address-book.ts';
import { isEndpoint, type SidecarRecord } from './sidecar-record.ts';

/** A sidecar as its peers are told it. */
export interface MeshEndpoint extends SidecarRecord, Standing {}

/** The endpoint of a sidecar by what is known of its addresses; undefined for one that only calls. */
export function endpointOf(
  record: SidecarRecord | undefined,
  book: AddressBook,
): MeshEndpoint | undefined {
  if (record === undefined || !isEndpoint(record)) return undefined;
  return { ...record, ...book.standing(record) };
}

/** True when peers could not tell the two apart. */
export function isSameEndpoint(a: MeshEndpoint, b: MeshEndpoint): boolean {
  return (
    a.spiffeId === b.spiffeId &&
    a.hbonePort === b.hbonePort &&
    a.anyPort === b.anyPort &&
    isSameList(a.addresses, b.addresses) &&
    isSameList(a.proven, b.proven) &&
    isSameList(a.ports, b.ports) &&
    isSameList(a.contests.map(keyOf), b.contests.map(keyOf))
  );
}

function keyOf({ address, holder, ports }: AddressContest): string {
  return `${address} ${holder} ${ports.join()}`;
}

function isSameList<Item>(a: readonly Item[], b: readonly Item[]): boolean {
  return a.length === b.length && a.every((item, at) => item === b[at]);
}
