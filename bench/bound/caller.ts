import { createServer, type Server, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { BenchError } from '../bench-error.ts';
import { ANSWER_BLOCK, CONNECT_BLOCK, PREFACE } from './http2.ts';
import type { BoundOrder } from './order.ts';
import { credentials, isPeer } from './peer-identity.ts';
import { Tunnel, unexpected } from './tunnel.ts';

const NOTHING = Buffer.alloc(0);
/** What the other programs of the bench ask for or more. */
const BACKLOG = 4096;

/**
 * The caller's side: accepts plaintext, and carries each connection as a stream of one tunnel, which the first connection
 * brings about. What the application sends goes along with the CONNECT (RFC 9113, 8.5).
 */
export function startCaller(order: BoundOrder): Server {
  let tunnel: Tunnel | undefined;
  let isDialing = false;
  let waiting: Socket[] = [];
  let nextId = 1;

  const carry = (socket: Socket, through: Tunnel): void => {
    // It may have gone while it waited.
    if (socket.destroyed) return;
    const stream = through.open(nextId, CONNECT_BLOCK);
    nextId += 2;
    stream.attach(socket);
    socket.on('data', (bytes: Buffer) => stream.send(bytes, bytes.length));
  };
  const dial = (): void => {
    isDialing = true;
    const socket = connect({
      ...credentials(order),
      host: '127.0.0.1',
      port: order.connectPort,
      ALPNProtocols: ['h2'],
      checkServerIdentity: (_host, { subjectaltname }) =>
        isPeer(order, subjectaltname) ? undefined : stranger(order, subjectaltname),
    });
    socket.once('error', (cause: NodeJS.ErrnoException) => {
      // The callee may not listen yet: the next connection of the application tries again.
      if (cause.code !== 'ECONNREFUSED') {
        throw new BenchError('tunnel-failed', `the tunnel ended: ${cause.message}`, { cause });
      }
      isDialing = false;
      for (const one of waiting) one.resetAndDestroy();
      waiting = [];
    });
    socket.once('secureConnect', () => {
      const opened: Tunnel = new Tunnel(socket, { ready, headers, closed }, PREFACE, NOTHING);
      function ready(): void {
        tunnel = opened;
        for (const one of waiting) carry(one, opened);
        waiting = [];
      }
    });
  };

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    if (tunnel !== undefined) {
      carry(socket, tunnel);
      return;
    }
    socket.on('error', () => undefined);
    waiting.push(socket);
    if (!isDialing) dial();
  });
  return server.listen({ port: order.listenPort, host: '127.0.0.1', backlog: BACKLOG });
}

function headers(_streamId: number, block: Buffer): void {
  if (!block.equals(ANSWER_BLOCK)) throw unexpected('the answer 200', block.toString('hex'));
}

/** A pair without its tunnel has nothing to measure. @throws BenchError `tunnel-failed` */
function closed(): never {
  throw new BenchError('tunnel-failed', 'expected the tunnel to stay, the callee closed it');
}

function stranger({ peerUri }: BoundOrder, names: string | undefined): BenchError {
  const sentence = `expected a certificate of ${peerUri}, got one of ${names ?? 'no name'}`;
  return new BenchError('tunnel-failed', sentence);
}
