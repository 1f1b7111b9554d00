import net from 'node:net';
import { systemErrorCode } from '../../common/errors.ts';
import type { Destination } from '../tunnel/authority.ts';

/** An application on the same host answers at once or not at all. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connects to the application. The socket is half-open capable and not read yet.
 *
 * Rejects with the system's error, or the signal's reason when the peer has given up.
 */
export async function connectToApp(target: Destination, signal: AbortSignal): Promise<net.Socket> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  deadline.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const socket = net.connect({
    host: target.address,
    port: target.port,
    allowHalfOpen: true,
    noDelay: true,
  });
  const onAbort = (): void => reject(deadline.reason as Error);
  deadline.addEventListener('abort', onAbort, { once: true });
  socket.once('connect', () => resolve(socket));
  socket.once('error', reject);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    deadline.removeEventListener('abort', onAbort);
    socket.removeListener('error', reject);
  }
}

/** The reason to count and log for a failed connection to the application. */
export function appFailureReason(
  error: unknown,
): 'app-refused' | 'app-timeout' | 'app-unreachable' {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'app-timeout';
  return systemErrorCode(error) === 'ECONNREFUSED' ? 'app-refused' : 'app-unreachable';
}
