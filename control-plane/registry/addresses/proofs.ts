import type { MeshView } from '../mesh-view.ts';
import type { AddressProof, SidecarRecord } from '../sidecar-record.ts';
import { proofOf } from './address-book.ts';

type Believer = Pick<MeshView, 'addresses' | 'addressRules'>;

/**
 * The record of a sidecar that connects, with what is proven of its addresses already: the one that it
 * comes from, those that the operator allows, and those where it was found before at the same port.
 */
export function withKnownProofs(
  record: SidecarRecord,
  stored: SidecarRecord | undefined,
  view: Believer,
): SidecarRecord {
  const isSamePlace = stored?.spiffeId === record.spiffeId && stored.hbonePort === record.hbonePort;
  const proofs = record.addresses.flatMap((address) => {
    const known = isSamePlace ? stored.proofs?.find((one) => one.address === address) : undefined;
    return proofAt(record, address, known?.dial, view);
  });
  return { ...record, proofs };
}

/** The record after a dial to one of its addresses, which found the sidecar there or did not. */
export function afterDial(
  record: SidecarRecord,
  { address, found }: { readonly address: string; readonly found: boolean },
  view: Believer,
): SidecarRecord {
  const others = (record.proofs ?? []).filter((one) => one.address !== address);
  const dial = found ? view.addresses.next() : undefined;
  return { ...record, proofs: [...others, ...proofAt(record, address, dial, view)] };
}

function proofAt(
  record: SidecarRecord,
  address: string,
  dial: number | undefined,
  view: Believer,
): AddressProof[] {
  if (proofOf(record, address, dial, view.addressRules()) === undefined) return [];
  const turn = view.addresses.turnOf(address, record.spiffeId) ?? view.addresses.next();
  return [dial === undefined ? { address, turn } : { address, turn, dial }];
}
