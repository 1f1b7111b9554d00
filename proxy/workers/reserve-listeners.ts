import type { HostPort } from '../../common/config/address.ts';
import type { LoadedListener } from '../gateway/file/load.ts';
import { findListener, overlap } from '../gateway/config/same-address.ts';
import { PortCheck } from './reserve-ports.ts';

/** What is known when listeners are reserved. */
export interface ReserveOptions {
  readonly workers: number;
  /** What the workers listen on already, as it was reserved. */
  readonly open: readonly LoadedListener[];
}

/**
 * Makes listeners fit for workers: ports are tried as `reservePorts` does, and what one listener may
 * hold is divided. A listener that asks for port 0 keeps the port that it got when it was new.
 *
 * @throws ListenError
 */
export async function reserveListeners(
  loaded: readonly LoadedListener[],
  { workers, open }: ReserveOptions,
): Promise<LoadedListener[]> {
  await using check = new PortCheck();
  const reserve = async ({ config: { name, listen } }: LoadedListener): Promise<HostPort> => {
    // Workers hold the port still, at an address that this one includes, and share it.
    if (open.some(({ config: has }) => overlap(has.listen, listen))) return listen;
    return await check.reserve(name, listen);
  };
  const reserved: LoadedListener[] = [];
  for (const one of loaded) {
    const { config } = one;
    const listen = findListen(one, open) ?? (await reserve(one));
    const connections = Math.ceil(config.limits.connections / workers);
    // A union of listeners, whose common fields alone are changed.
    const changed = { ...config, listen, limits: { ...config.limits, connections } };
    reserved.push({ ...one, config: changed as LoadedListener['config'] });
  }
  return reserved;
}

/** Where it is open already, under this name or another. */
function findListen(asked: LoadedListener, open: readonly LoadedListener[]): HostPort | undefined {
  const { name, listen } = asked.config;
  const found =
    findListener(asked, open) ??
    open.find(({ config: has }) => {
      // Port 0 has become a real one.
      return listen.port === 0 && has.name === name && has.listen.host === listen.host;
    });
  return found?.config.listen;
}
