import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { TunnelMetrics } from '../metrics.ts';
import type { TunnelLimits } from './tunnel-limits.ts';
import type { Dial } from './tunnel.ts';

/** What the dialling side of the engine is made of. */
export interface Http2DialOptions {
  readonly identity: IdentitySource;
  readonly metrics: TunnelMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits?: Partial<TunnelLimits>;
}

/** Creates the dialling side. */
export function createHttp2Dial(_options: Http2DialOptions): Dial {
  throw new Error('not yet');
}
