import type { MonotonicClock } from '../../../common/clock.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import { connectHttp1 } from '../http1/client-connection.ts';
import { connectHttp2 } from '../http2/connect.ts';
import type { UpstreamOptions } from './upstream.ts';

/** What speaking to a server takes. */
export interface SpeakOptions {
  readonly clock: MonotonicClock;
  /** Bounds what waits in memory for slow readers, with all other connections. */
  readonly budget: MemoryBudget;
  /** On whose account it waits. */
  readonly owner: string;
}

/** What a server may put in front of its body. */
const MAX_RESPONSE_HEAD_BYTES = 131_072;

/** How a server is spoken to: in HTTP/1.1, or in HTTP/2 without TLS (`h2c`). */
export function speakUpstream(
  appProtocol: 'http' | 'h2c',
  options: SpeakOptions,
): UpstreamOptions['speak'] {
  if (appProtocol === 'h2c') {
    return (stream, observer) => connectHttp2(stream, { ...options, observer });
  }
  return (stream, observer) =>
    connectHttp1(stream, { headerBytes: MAX_RESPONSE_HEAD_BYTES }, observer);
}
