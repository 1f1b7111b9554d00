import net from 'node:net';
import {
  descriptorError,
  type DescriptorHolder,
  PROCESS_DESCRIPTORS,
} from '../../common/budget/descriptors.ts';
import type { BudgetShare } from '../../common/budget/shared-budget.ts';
import type { CancelSignal } from '../../common/cancellation.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { HOST_NETWORK, type Network } from '../../common/network/network.ts';
import { chosenHandles } from './handles/choose-handles.ts';
import { connectHandle } from './handles/connect-handle.ts';
import type { Runtime } from './handles/runtime.ts';
import type { PlaintextStream } from './plaintext-stream.ts';
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
): Promise<PlaintextStream> {
  const runtime = handlesFor(target);
  if (runtime !== undefined) {
    const to = { ...target, keepAliveMs: KEEP_ALIVE_MS };
    return await connected(target, signal, (settle) => connectHandle(runtime, to, settle));
  }
  const shared = sharedRead();
  return new SocketStream(shared.of(await connectSocket(target, signal, shared.onread)));
}

/** Other networks make their sockets in their own way, names are looked up by Node.js, and it binds. */
function handlesFor({ address, from, network }: PlaintextTarget): Runtime | undefined {
  const isPlain = from === undefined && net.isIP(address) !== 0;
  return isPlain && network.connect === HOST_NETWORK.connect ? chosenHandles() : undefined;
}

/**
 * Connects in plaintext as `connectPlaintext` does; the socket is half-open capable and not read yet.
 *
 * @param onread where its bytes go, if it is not read as a Node.js stream
 */
export async function connectSocket(
  target: PlaintextTarget,
  signal: CancelSignal,
  onread?: net.OnReadOpts,
): Promise<net.Socket> {
  const options: net.TcpNetConnectOpts = {
    host: target.address,
    port: target.port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  };
  if (target.from !== undefined) options.localAddress = target.from;
  if (onread !== undefined) options.onread = onread;
  return await connected(target, signal, (settle) => {
    const opened = target.network.connect(options);
    if (onread !== undefined) opened.pause();
    opened.once('connect', () => {
      opened.off('error', settle);
      settle();
    });
    return opened.once('error', settle);
  });
}

/** What is opened can be closed again. */
interface Opened extends DescriptorHolder {
  destroy(): unknown;
}

/** Opens a connection, and resolves with it when `open` has settled without an error. */
async function connected<Connection extends Opened>(
  { address, timeoutMs, clock, share }: PlaintextTarget,
  signal: CancelSignal,
  open: (settle: (error?: Error) => void) => Connection,
): Promise<Connection> {
  if (signal.aborted) throw signal.reason as Error;
  const denied = share && PROCESS_DESCRIPTORS.take(share);
  if (denied !== undefined) throw descriptorError(denied, PROCESS_DESCRIPTORS);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const settle = (error?: Error): void => (error === undefined ? resolve() : reject(error));
  const connection =
    share === undefined ? open(settle) : PROCESS_DESCRIPTORS.open(share, () => open(settle));
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  // Not the socket's own timer: Node.js goes on refreshing that one at every read and write, for the
  // life of the connection. A signal for each connection would cost more than connecting.
  const deadline = clock.after(timeoutMs, () => {
    const sentence = `${address} did not accept a connection in ${timeoutMs} ms`;
    reject(new DOMException(sentence, 'TimeoutError'));
  });
  try {
    await promise;
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    deadline.cancel();
  }
}
