import type { AdvertisedAddresses } from '../discovery/sync/settings.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { Workload } from '../workload/workload.ts';

/**
 * The addresses and ports at which peers reach this sidecar now. One that intercepts transparently is called by address, so it
 * tells all that other hosts can mean; behind a NAT that changes the port they would not lead here.
 */
export function advertisedAddresses(
  { addresses }: Workload,
  config: Pick<ProxyConfig, 'advertise' | 'transparent' | 'expose'>,
  hbonePort: number,
): AdvertisedAddresses {
  const { advertise, transparent } = config;
  const port = advertise?.port ?? hbonePort;
  const preferred = advertise === undefined ? [] : [advertise.address];
  const others = transparent && port === hbonePort ? addresses.reachable() : [];
  return {
    addresses: [...new Set([...preferred, ...others])],
    hbonePort: port,
    ports: config.expose.map((exposed) => exposed.port),
    anyPort: transparent,
  };
}
