import { once } from 'node:events';
import net from 'node:net';
import { BudgetError } from '../../common/budget/budget-error.ts';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { PAIRS_SHARE } from '../../common/budget/shares.ts';
import { systemErrorCode } from '../../common/errors.ts';
import { resetSocket } from './reset-socket.ts';

/** Two ends of one connection inside this process, half-open capable; neither is read yet. */
export interface LoopbackPair {
  readonly near: net.Socket;
  readonly far: net.Socket;
}

/**
 * Makes a connection to ourselves over loopback, for a caller that needs a socket where there is only a
 * stream. Another client that connects to the port while it is open is refused.
 *
 * Throws BudgetError, and the reason of the signal; nothing is left open then.
 *
 * @param signal ends the wait
 */
export async function openLoopbackPair(signal: AbortSignal): Promise<LoopbackPair> {
  // The listener takes one as well, for a moment.
  PROCESS_DESCRIPTORS.takeAll(PAIRS_SHARE, ENDS + 1);
  let pair: LoopbackPair | undefined;
  try {
    pair = await connectPair(signal);
    return pair;
  } finally {
    PROCESS_DESCRIPTORS.give(PAIRS_SHARE);
    for (const end of [pair?.near, pair?.far]) {
      if (end === undefined) PROCESS_DESCRIPTORS.give(PAIRS_SHARE);
      else PROCESS_DESCRIPTORS.charge(end, PAIRS_SHARE);
    }
  }
}

const ENDS = 2;

async function connectPair(signal: AbortSignal): Promise<LoopbackPair> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  promise.catch(() => {});
  const fail = (cause: unknown): void => reject(pairFailed(cause));
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  server.on('error', fail);
  const accepted: net.Socket[] = [];
  let near: net.Socket | undefined;
  const choose = (): void => {
    if (near === undefined || near.connecting) return;
    const { localPort } = near;
    const far = accepted.find(({ remotePort }) => remotePort === localPort);
    if (far !== undefined) resolve(far);
  };
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    accepted.push(socket);
    choose();
  });
  let far: net.Socket | undefined;
  try {
    // Of this process alone: workers would be dealt the connections of each other.
    server.listen({ host: '127.0.0.1', port: 0, backlog: 16, exclusive: true });
    await Promise.race([once(server, 'listening'), promise]);
    const { port } = server.address() as net.AddressInfo;
    near = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    near.on('error', fail);
    // Where there is no descriptor for the far end, the system takes the connection and drops it.
    near.once('end', fail).once('close', fail);
    near.once('connect', choose);
    far = await promise;
    near.off('end', fail).off('close', fail);
    return { near, far };
  } catch (error) {
    near?.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    server.close();
    for (const stranger of accepted) if (stranger !== far) resetSocket(stranger);
  }
}

function pairFailed(cause: unknown): BudgetError {
  const reason = systemErrorCode(cause) ?? 'it was dropped';
  const sentence = `a loopback connection to 127.0.0.1 could not be made (${reason})`;
  const hint = 'check how many files this process may open (ulimit -n)';
  return new BudgetError('descriptors', sentence, { hint, cause });
}
