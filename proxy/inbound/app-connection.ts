import type { CancelSignal } from '../../common/cancellation.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { systemErrorCode } from '../../common/errors.ts';
import type { Network } from '../../common/network/network.ts';
import { connectPlaintext } from '../stream/connect-plaintext.ts';
import type { PlaintextStream } from '../stream/plaintext-stream.ts';
import type { Destination } from '../tunnel/authority.ts';

/** An application on the same host answers at once or not at all. */
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connects to the application, `from` an address or that of the system's choice, with a descriptor that the caller has claimed. Nothing is read yet.
 *
 * Rejects with the system's error, or the signal's reason when the peer has given up.
 */
export function connectToApp(
  target: Destination & { readonly from?: string | undefined },
  {
    network,
    clock,
  }: { readonly network: Pick<Network, 'connect'>; readonly clock: MonotonicClock },
  signal: CancelSignal,
): Promise<PlaintextStream> {
  const options = { network, share: undefined, timeoutMs: CONNECT_TIMEOUT_MS, clock };
  return connectPlaintext({ ...target, ...options }, signal);
}

/** The reason to count and log for a failed connection to the application. */
export function appFailureReason(
  error: unknown,
): 'app-refused' | 'app-timeout' | 'app-unreachable' | 'ports' | 'descriptors' {
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'app-timeout';
  switch (systemErrorCode(error) ?? 'unknown') {
    case 'ECONNREFUSED':
      return 'app-refused';
    case 'EADDRNOTAVAIL':
      return 'ports';
    case 'EMFILE':
    case 'ENFILE':
      return 'descriptors';
    default:
      return 'app-unreachable';
  }
}
