import { createExposure } from '../inbound/exposure.ts';
import { createInbound } from '../inbound/inbound.ts';
import type { Room } from './room.ts';
import { listenTunnels } from '../tunnel/listen.ts';
import type { TunnelListener } from '../tunnel/tunnel.ts';

/** Opens the door for peers. Throws ListenError. */
export async function openInbound(room: Room): Promise<TunnelListener> {
  const { config, self, source, addresses, ownPorts, ...dependencies } = room;
  const excluded = new Set(config.excludePort);
  if (config.transparent) {
    // They are opened later, and peers may be here before.
    ownPorts.add(config.outboundListen.port).add(config.inboundListen.port);
  }
  const resolveExposure = createExposure({
    ports: config.expose.map(({ port, target }) => ({
      port,
      target: { address: target.host, port: target.port },
    })),
    anyPort: config.transparent,
    isReserved: (port) => ownPorts.has(port) || excluded.has(port),
    localFor: (address) => addresses.localFor(address),
  });
  const listener = await listenTunnels(
    { ...dependencies, ...config.hboneListen, identity: source },
    createInbound({ ...dependencies, self, resolveExposure }),
  );
  ownPorts.add(listener.port);
  return listener;
}
