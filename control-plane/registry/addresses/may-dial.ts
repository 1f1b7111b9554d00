import { networkInterfaces } from 'node:os';
import { isReachableFromElsewhere } from '../../../common/network/ip-address.ts';
import { isInNetwork, readNetwork, type IpNetwork } from '../../../common/network/ip-network.ts';
import type { AddressRules } from '../../../common/mesh-config/addresses.ts';

/** What the decision is made from. */
export interface DialBackQuestion {
  /** In canonical form. */
  readonly address: string;
  /** Where the stream of the claimant comes from. */
  readonly seen: string | undefined;
  readonly rules: AddressRules;
  /** The networks that the control plane itself is in. */
  readonly own: readonly IpNetwork[];
}

/**
 * Whether the control plane may dial an address because a workload says that it is there. It goes where
 * the workload comes from, into networks that the control plane is in itself, and where the operator
 * says, so that it cannot be used to look into other networks; never to this host alone, or to a link.
 */
export function mayDialBack({ address, seen, rules, own }: DialBackQuestion): boolean {
  if (rules.dialBack === 'off' || !isReachableFromElsewhere(address)) return false;
  return address === seen || [...own, ...rules.dialBack].some((one) => isInNetwork(address, one));
}

/** The networks of this host's interfaces; none when the system does not say. */
export function ownNetworks(): readonly IpNetwork[] {
  try {
    return Object.values(networkInterfaces()).flatMap((addresses) =>
      (addresses ?? []).flatMap(({ cidr }) => readNetwork(cidr ?? '') ?? []),
    );
  } catch {
    // Without a descriptor to ask with.
    return [];
  }
}
