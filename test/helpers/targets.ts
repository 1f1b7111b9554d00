import type { MonotonicClock } from '../../common/clock.ts';
import type { HostPort } from '../../common/config/address.ts';
import {
  openControlPlaneTargets,
  type ControlPlaneTargets,
} from '../../common/rpc/control-plane-targets.ts';

/** Control planes that are called in the order in which they are given. */
export function targetsOf(
  addresses: readonly HostPort[],
  clock: MonotonicClock,
): Promise<ControlPlaneTargets> {
  let weight = 0;
  const random = (): number => (weight += 0.01);
  const plain = addresses.map(({ host, port }) => ({ host, port }));
  return openControlPlaneTargets({ addresses: plain, clock, random });
}
