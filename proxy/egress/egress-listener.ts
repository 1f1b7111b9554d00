import { APPLICATION_SHARE } from '../../common/budget/shares.ts';
import type { OutsidePlace } from '../../common/authorization/egress.ts';
import type { Guard } from '../../common/guard.ts';
import type { Network } from '../../common/network.ts';
import { listenPlaintext, type PlaintextListener } from '../relay/plaintext-listener.ts';
import type { HostPort } from '../../common/config/address.ts';
import { carryOutside, type CarryOutsideDependencies } from './carry-outside.ts';
import { outsidePeer } from './open-outside.ts';

/** A local port that stands for a server outside. */
export interface EgressListener {
  readonly listen: HostPort;
  readonly place: OutsidePlace;
}

/** What an egress listener needs. */
export interface EgressListenerDependencies extends CarryOutsideDependencies {
  readonly network: Network;
  readonly guard: Guard;
}

/**
 * Listens for the application's plaintext connections to one server outside and carries each in TLS.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenEgress(
  { listen: { host, port }, place }: EgressListener,
  dependencies: EgressListenerDependencies,
): Promise<PlaintextListener> {
  const { network, logger, guard, metrics } = dependencies;
  const peer = outsidePeer(place);
  const announcement = (at: string): string => `${peer} is at ${at}`;
  const onRefused = (reason: string): void => metrics.connectionFailed('outbound', peer, reason);
  const budgeted = { share: APPLICATION_SHARE, onRefused };
  const guarded = { guard, where: 'egress', fields: { peer } } as const;
  return await listenPlaintext(
    { name: 'egress', host, port, network, logger, announcement, ...budgeted, ...guarded },
    (socket) => carryOutside(socket, place, dependencies),
  );
}
