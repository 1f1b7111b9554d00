import type { Closeable } from '../../common/lifecycle.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import type { EgressCut } from '../egress/policy-at.ts';
import { listenEgress } from '../egress/egress-listener.ts';
import { LiveConnections } from '../policy/live-connections.ts';
import type { Room } from './room.ts';
import type { PlaintextListener } from '../relay/plaintext-listener.ts';

/** The doors of the application to servers outside. */
export interface EgressDoors extends Closeable {
  readonly listeners: readonly PlaintextListener[];
}

/** Opens a local port for each `--egress`. Throws ListenError. */
export async function openEgress(room: Room): Promise<EgressDoors> {
  const { config, clock, ownPorts } = room;
  await using opened = new AsyncDisposableStack();
  const live = new LiveConnections<EgressCut>(room.policies);
  const dependencies = { ...room, live, mayLog: createLogLimit(clock) };
  const listeners: PlaintextListener[] = [];
  for (const egress of config.egress) {
    const listener = await listenEgress(egress, dependencies);
    opened.adopt(listener, () => listener.close());
    ownPorts.add(listener.address.port);
    listeners.push(listener);
  }
  room.conditions.carries(
    'listeners',
    config.egress.map(({ place }) => place),
  );
  const parts = opened.move();
  return { listeners, close: () => parts.disposeAsync() };
}
