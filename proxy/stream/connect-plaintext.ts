import type net from 'node:net';
import { descriptorError, PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import type { BudgetShare } from '../../common/budget/shared-budget.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Network } from '../../common/network.ts';
import { sharedRead } from './socket-reader.ts';
import { SocketStream } from './socket-stream.ts';

/** Where to connect, and how long to try. */
export interface PlaintextTarget {
  /** IP address, without brackets. */
  readonly address: string;
  readonly port: number;
  /** The address to call from; the system's choice when it is left out. */
  readonly from?: string | undefined;
  readonly network: Pick<Network, 'connect'>;
  readonly timeoutMs: number;
  readonly clock: MonotonicClock;
  /** Who the descriptor is charged to; `undefined` when the caller has seen to that. */
  readonly share: BudgetShare | undefined;
}

/**
 * Finds peers that vanished: the application's own probes end at the sidecar. The first one well after
 * what firewalls keep idle connections for at least.
 */
const KEEP_ALIVE_MS = 60_000;

/**
 * Connects in plaintext. Nothing is read before the stream is started.
 *
 * Rejects with the system's error, BudgetError, a DOMException `TimeoutError`, or the signal's reason.
 */
export async function connectPlaintext(
  target: PlaintextTarget,
  signal: AbortSignal,
): Promise<SocketStream> {
  const shared = sharedRead();
  return new SocketStream(shared.of(await connectSocket(target, signal, shared.onread)));
}

/**
 * Connects in plaintext as `connectPlaintext` does; the socket is half-open capable and not read yet.
 *
 * @param onread where its bytes go, if it is not read as a Node.js stream
 */
export async function connectSocket(
  { address, port, from, network, timeoutMs, clock, share }: PlaintextTarget,
  signal: AbortSignal,
  onread?: net.OnReadOpts,
): Promise<net.Socket> {
  signal.throwIfAborted();
  const denied = share && PROCESS_DESCRIPTORS.take(share);
  if (denied !== undefined) throw descriptorError(denied, PROCESS_DESCRIPTORS);
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const options = {
    host: address,
    port,
    ...(from === undefined ? {} : { localAddress: from }),
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  };
  const open = (): net.Socket =>
    onread === undefined
      ? network.connect(options)
      : network.connect({ ...options, onread }).pause();
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
