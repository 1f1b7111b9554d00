import type { Socket } from 'node:net';
import { ignoreError } from '../../common/ignored.ts';
import type {
  AcceptedConnection,
  PlaintextStream,
  PlaintextStreamOptions,
} from './plaintext-stream.ts';
import { resetSocket } from './reset-socket.ts';
import { descriptorOf } from './socket-option.ts';
import { socketStream } from './socket-stream.ts';

/** A connection that a server of Node.js has accepted, or what TLS made of it. */
export class AcceptedSocket implements AcceptedConnection {
  readonly #socket: Socket;
  readonly #reset: (() => void) | undefined;

  /** @param reset breaks off what is below the socket, where it is TLS */
  constructor(socket: Socket, reset?: () => void) {
    this.#socket = socket;
    this.#reset = reset;
    // An error is followed by 'close'.
    socket.on('error', ignoreError);
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get descriptor(): number | undefined {
    return descriptorOf(this.#socket);
  }

  get isClosed(): boolean {
    return this.#socket.destroyed;
  }

  stream(options?: PlaintextStreamOptions): PlaintextStream {
    return socketStream(this.#socket, { ...options, reset: this.#reset });
  }

  socket(): Socket {
    return this.#socket;
  }

  reset(): void {
    if (this.#reset === undefined) resetSocket(this.#socket);
    else this.#reset();
  }

  once(event: 'close', listener: () => void): void {
    this.#socket.once(event, listener);
  }
}
