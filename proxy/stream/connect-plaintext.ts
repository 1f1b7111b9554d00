import type net from 'node:net';
import { descriptorError, PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import type { BudgetShare } from '../../common/budget/shared-budget.ts';
import type { CancelSignal } from '../../common/cancellation.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Network } from '../../common/network/network.ts';
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
  signal: CancelSignal,
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
  signal: CancelSignal,
  onread?: net.OnReadOpts,
): Promise<net.Socket> {
  if (signal.aborted) throw signal.reason as Error;
  const denied = share && PROCESS_DESCRIPTORS.take(share);
  if (denied !== undefined) throw descriptorError(denied, PROCESS_DESCRIPTORS);
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const options: net.TcpNetConnectOpts = {
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  };
  if (from !== undefined) options.localAddress = from;
  if (onread !== undefined) options.onread = onread;
  const open = (): net.Socket =>
    onread === undefined ? network.connect(options) : network.connect(options).pause();
  const socket = share === undefined ? open() : PROCESS_DESCRIPTORS.open(share, open);
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  // Not the socket's own timer: Node.js goes on refreshing that one at every read and write, for the
  // life of the connection. A signal for each connection would cost more than connecting.
  const deadline = clock.after(timeoutMs, () => {
    const sentence = `${address} did not accept a connection in ${timeoutMs} ms`;
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
