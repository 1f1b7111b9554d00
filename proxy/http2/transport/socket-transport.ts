import type { Duplex } from 'node:stream';
import type { Transport, TransportReceiver } from './transport.ts';

/** Has the bytes of a socket go to a receiver that keeps none of them. */
export type ReadInto = (receive: (chunk: Buffer) => void) => void;

/** A socket of a tunnel, most often TLS, with nothing between its reads and the frames. */
export class SocketTransport implements Transport {
  readonly #socket: Duplex;
  readonly #readInto: ReadInto;
  #error: Error | undefined;

  /** @param readInto is how it is read; its bytes come as 'data' when it is left out */
  constructor(socket: Duplex, readInto: ReadInto = (receive) => socket.on('data', receive)) {
    this.#socket = socket;
    this.#readInto = readInto;
  }

  get isWritable(): boolean {
    return !this.#socket.destroyed && !this.#socket.writableEnded;
  }

  open(receiver: TransportReceiver): void {
    const socket = this.#socket;
    this.#readInto((chunk) => receiver.received(chunk));
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    // HTTP/2 knows no half-closed connection.
    socket.once('end', () => socket.destroy());
    socket.once('close', () => receiver.closed(this.#error));
  }

  write(bytes: Buffer, written: () => void): void {
    this.#socket.write(bytes, written);
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
