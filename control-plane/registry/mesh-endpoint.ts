import type { AddressBook, AddressStatus } from './addresses/address-book.ts';
import { isEndpoint, type SidecarRecord } from './sidecar-record.ts';

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
