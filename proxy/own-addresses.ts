import { networkInterfaces } from 'node:os';

/** All IP addresses of this host now, and the one that peers were told, which may be a NAT's. */
export function ownAddresses(advertised?: string): readonly string[] {
  const local = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
  return advertised === undefined ? local : [...local, advertised];
}
