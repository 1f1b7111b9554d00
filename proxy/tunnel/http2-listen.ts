import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { TunnelMetrics } from '../metrics.ts';
import type { ListenLimits, TunnelLimits } from './tunnel-limits.ts';
import type { IncomingStream, TunnelListener } from './tunnel.ts';

/** What the listening side of the engine is made of. */
export interface Http2ListenOptions {
  readonly identity: IdentitySource;
  readonly metrics: TunnelMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** IP address without brackets. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly limits?: Partial<TunnelLimits & ListenLimits>;
}

/** Listens for peers and hands their streams on. Throws ListenError. */
export function listenHttp2(
  _options: Http2ListenOptions,
  _onStream: (stream: IncomingStream) => void,
): Promise<TunnelListener> {
  throw new Error('not yet');
}
