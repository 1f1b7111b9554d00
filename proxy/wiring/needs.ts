import type { MonotonicClock } from '../../common/clock.ts';
import { addressOf, serviceScope } from '../../common/wire/interest.ts';
import type { FollowedAddresses } from '../discovery/interest/followed-addresses.ts';
import type { Interest } from '../discovery/interest/interest.ts';
import type { Needs } from '../discovery/interest/needs.ts';
import { whenComplete } from '../discovery/interest/when-complete.ts';
import type { MeshView } from '../discovery/mesh-view.ts';

/** What waiting for answers takes. */
export interface KnowServicesOptions {
  readonly interest: Interest;
  readonly view: MeshView;
  readonly clock: MonotonicClock;
}

/** An answer takes milliseconds; nothing waits for longer that can go on without one. */
const SERVICES_DEADLINE_MS = 1_000;

/** Resolves when the endpoints of all services are known that are needed, but not of all addresses; or after a second. */
export async function knowServices({ interest, view, clock }: KnowServicesOptions): Promise<void> {
  const needed = () =>
    [...(interest.wanted ?? [])].filter((scope) => addressOf(scope) === undefined);
  await whenComplete(needed, view, clock, SERVICES_DEADLINE_MS);
}

/** The needs of the data path, as part of the interest of its sidecar. */
export function createNeeds({
  addresses,
  ...known
}: KnowServicesOptions & { readonly addresses: Pick<FollowedAddresses, 'follow'> }): Needs {
  return {
    async gatewayServices(services) {
      known.interest.set('gateway', services.map(serviceScope));
      await knowServices(known);
    },
    address: (address) => addresses.follow(address),
  };
}
