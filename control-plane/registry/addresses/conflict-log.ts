import type { Logger } from 'pino';
import type { MonotonicClock } from '../../../common/clock.ts';
import { createRateLimit } from '../../../common/rate-limit.ts';
import type { MeshEndpoint } from '../mesh-endpoint.ts';

/** One that comes and goes all the time should fill a counter, not the disk. */
const LOG_RATE = { burst: 20, perSecond: 1 };

/** Says when an endpoint claims what another identity holds, and when it does not any more. */
export function createConflictLog({
  clock,
  logger,
}: {
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}): (was: MeshEndpoint | undefined, is: MeshEndpoint | undefined) => void {
  const mayLog = createRateLimit(clock, LOG_RATE);
  return (was, is) => {
    const [before, after] = [was, is].map(
      (endpoint) => new Map(endpoint?.contests.map((one) => [`${one.address} ${one.holder}`, one])),
    );
    for (const [key, { address, holder, ports }] of after ?? []) {
      if (is === undefined || before?.has(key) === true || !mayLog()) continue;
      const { instanceId, spiffeId } = is;
      const what = ports.length === 0 ? 'every port' : `port ${ports.slice(0, 10).join(', ')}`;
      logger.warn(
        { event: 'address-conflict', instanceId, spiffeId, address, ports, holder },
        `${spiffeId} claims ${what} of ${address}, which ${holder} had first and keeps`,
      );
    }
    for (const [key, { address, holder }] of before ?? []) {
      if (was === undefined || after?.has(key) === true || !mayLog()) continue;
      const { instanceId, spiffeId } = was;
      logger.info(
        { event: 'address-conflict-ended', instanceId, spiffeId, address, holder },
        `${spiffeId} and ${holder} no longer claim the same at ${address}`,
      );
    }
  };
}
