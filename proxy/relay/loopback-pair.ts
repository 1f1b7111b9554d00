import { once } from 'node:events';
import net from 'node:net';
import { PROCESS_DESCRIPTORS } from '../../common/budget/descriptors.ts';
import { PAIRS_SHARE } from '../../common/budget/shares.ts';
import { resetSocket } from './reset-socket.ts';

/** Two ends of one connection inside this process, half-open capable; neither is read yet. */
export interface LoopbackPair {
  readonly near: net.Socket;
  readonly far: net.Socket;
}

/**
 * Makes a connection to ourselves over loopback, for whoever needs a socket where there is only a
 * stream. Whoever else connects to the port in the moment that it is open is turned away.
 *
 * Throws BudgetError.
 */
export async function openLoopbackPair(): Promise<LoopbackPair> {
  // The listener takes one as well, for a moment.
  PROCESS_DESCRIPTORS.takeAll(PAIRS_SHARE, ENDS + 1);
  let pair: LoopbackPair | undefined;
  try {
    pair = await connectPair();
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

async function connectPair(): Promise<LoopbackPair> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  // Of this process alone: workers would be dealt the connections of each other.
  server.listen({ host: '127.0.0.1', port: 0, backlog: 16, exclusive: true });
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const accepted: net.Socket[] = [];
  const { promise, resolve } = Promise.withResolvers<net.Socket>();
  const near = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
  const choose = (): void => {
    const far = accepted.find(({ remotePort }) => remotePort === near.localPort);
    if (far !== undefined) resolve(far);
  };
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    accepted.push(socket);
    if (!near.connecting) choose();
  });
  try {
    await once(near, 'connect');
    near.on('error', () => {});
    choose();
    const far = await promise;
    for (const stranger of accepted) if (stranger !== far) resetSocket(stranger);
    return { near, far };
  } finally {
    server.close();
  }
}
