import { connect } from 'node:net';
import { createServer, type Server } from 'node:tls';
import { ANSWER_BLOCK, CONNECT_BLOCK, PREFACE } from './http2.ts';
import type { BoundOrder } from './order.ts';
import { credentials, isPeer } from './peer-identity.ts';
import { Tunnel, unexpected } from './tunnel.ts';

const NOTHING = Buffer.alloc(0);
/** What the application sends is read into this by all sockets in turn, and copied into a frame before the next reads. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024);

/** The callee's side: accepts the caller, and connects each stream to the application. */
export function startCallee(order: BoundOrder): Server {
  const server = createServer({
    ...credentials(order),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
  });
  server.on('secureConnection', (socket) => {
    if (!isPeer(order, socket.getPeerCertificate().subjectaltname)) {
      socket.destroy();
      return;
    }
    const tunnel: Tunnel = new Tunnel(socket, { ready, headers, closed }, NOTHING, PREFACE);
    function headers(streamId: number, block: Buffer, isKnown: boolean): void {
      if (isKnown || !block.equals(CONNECT_BLOCK)) {
        throw unexpected('the CONNECT of this engine', block.toString('hex'));
      }
      accept(tunnel, streamId, order.connectPort);
    }
  });
  return server.listen(order.listenPort, '127.0.0.1');
}

/** The answer does not wait for the application: one that refuses resets the stream. */
function accept(tunnel: Tunnel, streamId: number, port: number): void {
  const stream = tunnel.open(streamId, ANSWER_BLOCK);
  const callback = (length: number): boolean => {
    stream.send(READ_BUFFER, length);
    return true;
  };
  const socket = connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    allowHalfOpen: true,
    onread: { buffer: READ_BUFFER, callback },
  });
  stream.attach(socket);
  // With a buffer of one's own there is no `data`, and the end shows only where the socket flows.
  socket.resume();
}

function ready(): void {
  // The caller begins the streams.
}

function closed(): void {
  // The caller may be started again, and a client that only makes handshakes comes and goes.
}
