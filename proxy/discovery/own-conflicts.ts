import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { createRateLimit } from '../../common/rate-limit.ts';
import type { Endpoint } from '../../common/wire/endpoint.ts';
import type { AddressContest } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { MeshView } from './mesh-view.ts';

/** What telling takes. */
export interface OwnConflictsOptions {
  readonly view: MeshView;
  readonly self: SpiffeId;
  readonly instanceId: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const PORTS_SHOWN = 8;

/** Others may make conflicts with us as often as they like. */
const LOG_RATE = { burst: 20, perSecond: 0.2 };

/** Says when another identity holds what this sidecar claims, and when one claims what this sidecar holds. */
export function logOwnConflicts(options: OwnConflictsOptions): Closeable {
  const { view, self, instanceId, clock, logger } = options;
  const mayLog = createRateLimit(clock, LOG_RATE);
  const logged = new Map<string, ReadonlySet<string>>();

  const isOurs = (endpoint: Endpoint, { address, holder }: AddressContest): boolean => {
    if (endpoint.instanceId === instanceId) return true;
    if (holder !== self.uri) return false;
    // Another instance of our service may be the one that is there.
    const own = view.endpoints().find((one) => one.instanceId === instanceId);
    return own?.proven.includes(address) ?? false;
  };
  const log = (endpoint: Endpoint): void => {
    const before = logged.get(endpoint.instanceId) ?? new Set<string>();
    const contests = endpoint.contests.filter((contest) => isOurs(endpoint, contest));
    if (contests.length === 0) logged.delete(endpoint.instanceId);
    else logged.set(endpoint.instanceId, new Set(contests.map(keyOf)));
    for (const contest of contests) {
      if (before.has(keyOf(contest)) || !mayLog()) continue;
      const { address, ports, holder } = contest;
      const claimant = endpoint.spiffeId.uri;
      // Enough of the ports to see which they are.
      const shown = ports.slice(0, PORTS_SHOWN).join(', ');
      const named = ports.length === 0 ? 'every port' : `port ${shown}`;
      const what = `${named}${ports.length > PORTS_SHOWN ? ', …' : ''} of ${address}`;
      const sentence =
        endpoint.instanceId === instanceId
          ? `${holder} holds ${what}, which it claimed first: connections to it do not reach this service`
          : `${claimant} claims ${what}, which this service claimed first and holds`;
      logger.warn({ event: 'address-conflict', address, ports, holder, claimant }, sentence);
    }
  };
  for (const endpoint of view.endpoints()) if (endpoint.contests.length > 0) log(endpoint);
  const stop = view.onChange(({ upserted, removed }) => {
    for (const endpoint of removed) logged.delete(endpoint.instanceId);
    for (const endpoint of upserted) log(endpoint);
  });
  return { close: stop };
}

function keyOf({ address, holder, ports }: AddressContest): string {
  return `${address} ${holder} ${ports.join()}`;
}
