import type { LoadedListener } from '../gateway/load.ts';
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
  const reserved: LoadedListener[] = [];
  for (const one of loaded) {
    const { config } = one;
    const known = open.find((other) => isSamePlace(one, other));
    const listen = known?.config.listen ?? (await check.reserve(config.name, config.listen));
    const connections = Math.ceil(config.limits.connections / workers);
    // A union of listeners, whose common fields alone are changed.
    const changed = { ...config, listen, limits: { ...config.limits, connections } };
    reserved.push({ ...one, config: changed as LoadedListener['config'] });
  }
  return reserved;
}

function isSamePlace({ config: asked }: LoadedListener, { config: has }: LoadedListener): boolean {
  const { host, port } = asked.listen;
  return asked.name === has.name && host === has.listen.host && [0, has.listen.port].includes(port);
}
