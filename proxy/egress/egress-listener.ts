import type { Logger } from 'pino';
import { APPLICATION_SHARE } from '../../common/budget/shared-budget.ts';
import type { EgressTarget } from '../../common/authorization/egress.ts';
import type { Guard } from '../../common/guard.ts';
import type { Network } from '../../common/network/network.ts';
import { listenPlaintext, type PlaintextListener } from '../stream/plaintext-listener.ts';
import type { HostPort } from '../../common/config/address.ts';
import type { ProxyMetrics } from '../metrics/proxy-metrics.ts';
import type { Egress } from './egress.ts';
import { egressPeer } from './open.ts';

/** What an egress listener needs. */
export interface EgressListenerDependencies {
  readonly egress: Pick<Egress, 'carry'>;
  readonly network: Pick<Network, 'listen'>;
  readonly metrics: Pick<ProxyMetrics, 'connectionFailed'>;
  readonly logger: Logger;
  readonly guard: Guard;
}

/**
 * Listens for the application's plaintext connections to one server outside and carries each in TLS.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenEgress(
  { listen: { host, port }, target }: { readonly listen: HostPort; readonly target: EgressTarget },
  { egress, network, metrics, logger, guard }: EgressListenerDependencies,
): Promise<PlaintextListener> {
  const peer = egressPeer(target);
  const announcement = (at: string): string => `${peer} is at ${at}`;
  const onRefused = (reason: string): void => metrics.connectionFailed('outbound', peer, reason);
  const budgeted = { share: APPLICATION_SHARE, onRefused };
  const guarded = { guard, where: 'egress', fields: { peer } } as const;
  return await listenPlaintext(
    { name: 'egress', host, port, network, logger, announcement, ...budgeted, ...guarded },
    (connection) => egress.carry(connection, target),
  );
}
