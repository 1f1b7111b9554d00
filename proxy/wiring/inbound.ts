import type { ProxyConfig } from '../config/sidecar.ts';
import { createInbound } from '../inbound/inbound.ts';
import { listenTunnels } from '../tunnel/listen.ts';
import type { TunnelListener } from '../tunnel/tunnel.ts';
import type { Workload } from '../workload/workload.ts';
import type { Runtime } from './runtime.ts';

/** Opens the listener for peers. Throws ListenError. */
export async function openInbound(
  workload: Workload,
  { hboneListen }: Pick<ProxyConfig, 'hboneListen'>,
  { clock, logger, guard, memory }: Runtime,
): Promise<TunnelListener> {
  const { identity, metrics, network, ownPorts } = workload;
  const listener = await listenTunnels(
    { ...hboneListen, identity, metrics, network, clock, logger, guard, memory },
    createInbound({ workload, clock, logger, guard }),
  );
  ownPorts.add(listener.port);
  return listener;
}
