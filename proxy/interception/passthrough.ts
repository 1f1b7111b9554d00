import type { Logger } from 'pino';
import { BudgetError } from '../../common/budget/budget-error.ts';
import { APPLICATION_SHARE, PLAINTEXT_SHARE } from '../../common/budget/shared-budget.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError, systemErrorCode } from '../../common/errors.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { Network } from '../../common/network/network.ts';
import type { Direction, ProxyMetrics } from '../metrics/proxy-metrics.ts';
import { connectPlaintext } from '../stream/connect-plaintext.ts';
import { relay } from '../stream/relay.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import type { PlaintextFlows } from '../metrics/plaintext-flows.ts';

/** A captured connection that goes on without encryption. */
export interface Passthrough {
  readonly direction: Direction;
  /** Where it wanted to go. */
  readonly destination: { readonly address: string; readonly port: number };
  /** The address that is not the application's, for the list of what still passes. */
  readonly remoteAddress: string;
  /** The address to call from; the system's choice when it is left out. */
  readonly from?: string | undefined;
}

/** What passing a connection through takes. */
export interface PassthroughDependencies {
  readonly flows: PlaintextFlows;
  readonly network: Pick<Network, 'connect'>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly metrics: Pick<
    ProxyMetrics,
    'connectionFailed' | 'passthroughOpened' | 'passthroughClosed'
  >;
}

/** Long enough for a SYN that is lost twice. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Connects a captured connection with its original destination, in plaintext, until it has ended. A
 * destination that does not accept is a reset. Never rejects.
 */
export async function passThrough(
  accepted: Pick<AcceptedConnection, 'stream'>,
  { direction, destination, remoteAddress, from }: Passthrough,
  { flows, network, clock, logger, metrics }: PassthroughDependencies,
): Promise<void> {
  const gone = new AbortController();
  const client = accepted.stream({ clientClock: clock });
  client.once('close', () => gone.abort());
  let far;
  try {
    const share = direction === 'outbound' ? APPLICATION_SHARE : PLAINTEXT_SHARE;
    const target = { ...destination, from, share, network, timeoutMs: CONNECT_TIMEOUT_MS, clock };
    far = await connectPlaintext(target, gone.signal);
  } catch (error) {
    const reason = gone.signal.aborted ? 'aborted' : failureReason(error);
    metrics.connectionFailed(direction, 'unknown', reason, destination.port);
    const place = formatHostPort(destination.address, destination.port);
    const sentence = `${place} did not accept a connection in plaintext: ${describeError(error)}`;
    // As usual as a closed port: the application hears of it and says so itself.
    logger.debug({ event: 'passthrough-failed', direction, place, reason }, sentence);
    client.reset();
    return;
  }
  flows.count(direction, remoteAddress, destination.port);
  metrics.passthroughOpened(direction);
  await relay(client, far, { bytesFromApp: 0, bytesToApp: 0 });
  metrics.passthroughClosed(direction);
}

function failureReason(
  error: unknown,
): 'refused' | 'timeout' | 'unreachable' | 'descriptors' | 'peer-limit' {
  if (error instanceof BudgetError)
    return error.code === 'descriptors' ? 'descriptors' : 'peer-limit';
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'timeout';
  return systemErrorCode(error) === 'ECONNREFUSED' ? 'refused' : 'unreachable';
}
