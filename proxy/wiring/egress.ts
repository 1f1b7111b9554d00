import type { Closeable } from '../../common/lifecycle.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { Egress } from '../egress/egress.ts';
import { listenEgress } from '../egress/egress-listener.ts';
import type { PlaintextListener } from '../relay/plaintext-listener.ts';
import type { Workload } from '../workload/workload.ts';
import type { Runtime } from './runtime.ts';

/** The listeners of the application for servers outside. */
export interface EgressListeners extends Closeable {
  readonly listeners: readonly PlaintextListener[];
}

/** Opens a local port for each `--egress`. Throws ListenError. */
export async function openEgress(
  egress: Egress,
  config: Pick<ProxyConfig, 'egress'>,
  { network, metrics, ownPorts }: Workload,
  { logger, guard }: Runtime,
): Promise<EgressListeners> {
  await using opened = new AsyncDisposableStack();
  const listeners: PlaintextListener[] = [];
  for (const one of config.egress) {
    const listener = await listenEgress(one, { egress, network, metrics, logger, guard });
    opened.adopt(listener, () => listener.close());
    ownPorts.add(listener.address.port);
    listeners.push(listener);
  }
  egress.conditions.carries(
    'listeners',
    config.egress.map(({ place }) => place),
  );
  const parts = opened.move();
  return { listeners, close: () => parts.disposeAsync() };
}
