import type { HostPort } from '../../../common/config/address.ts';

/** A listener as its file has it. */
interface WithAddress {
  readonly config: { readonly name: string; readonly listen: HostPort };
}

/** All addresses of the machine; of both families, and of IPv4. */
const ANY = '::';
const ANY_IPV4 = '0.0.0.0';

/**
 * The open listener that is where another is wanted: at its address and port, whatever its name. Those that
 * asked for port 0 have ports of their own, which only their names tell apart.
 */
export function findListener<Open extends WithAddress>(
  { config: { name, listen } }: WithAddress,
  open: Iterable<Open>,
): Open | undefined {
  return [...open].find(({ config: has }) => {
    const samePort = has.listen.port === listen.port;
    return has.listen.host === listen.host && samePort && (listen.port !== 0 || has.name === name);
  });
}

/** Whether the system would not let both be open at a time: one port, and an address that both have. */
export function overlap(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port &&
    a.port !== 0 &&
    (a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host))
  );
}

function covers(wide: string, narrow: string): boolean {
  return wide === ANY || (wide === ANY_IPV4 && (!narrow.includes(':') || narrow === ANY));
}
