import type net from 'node:net';
import { descriptorError, PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import type { BudgetShare } from '../../common/budget/shares.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Network } from '../../common/network.ts';
import { connectWithSharedRead } from './shared-read.ts';

/** Where to connect, and how long to try. */
export interface PlaintextTarget {
  /** IP address, without brackets. */
  readonly address: string;
  readonly port: number;
  readonly network: Pick<Network, 'connect'>;
  readonly timeoutMs: number;
  readonly clock: MonotonicClock;
  /** Who the descriptor is charged to; `undefined` when the caller has seen to that. */
  readonly share: BudgetShare | undefined;
  /** True for a connection whose bytes are read with `readInto`, and not as a stream. */
  readonly sharedRead?: boolean;
}

/**
 * Finds peers that vanished: the application's own probes end at the sidecar. The first one well after
 * what firewalls keep idle connections for at least.
 */
const KEEP_ALIVE_MS = 60_000;

/**
 * Connects in plaintext. The socket is half-open capable and not read yet.
 *
 * Rejects with the system's error, BudgetError, a DOMException `TimeoutError`, or the signal's reason.
 */
export async function connectPlaintext(
  { address, port, network, timeoutMs, clock, share, sharedRead = false }: PlaintextTarget,
  signal: AbortSignal,
): Promise<net.Socket> {
  signal.throwIfAborted();
  const denied = share && PROCESS_DESCRIPTORS.take(share);
  if (denied !== undefined) throw descriptorError(denied, PROCESS_DESCRIPTORS);
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const options = {
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  };
  const open = (): net.Socket =>
    sharedRead
      ? connectWithSharedRead((onread) => network.connect({ ...options, onread }).pause())
      : network.connect(options);
  const socket = share === undefined ? open() : PROCESS_DESCRIPTORS.open(share, open);
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  const sentence = `${address} did not accept a connection in ${timeoutMs} ms`;
  // Not the socket's own timer: Node.js goes on refreshing that one at every read and write, for the
  // life of the connection. A signal for each connection would cost more than connecting.
  const deadline = clock.after(timeoutMs, () => {
    reject(new DOMException(sentence, 'TimeoutError'));
  });
  socket.once('connect', () => resolve(socket));
  socket.once('error', reject);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    deadline.cancel();
    socket.removeListener('error', reject);
  }
}
