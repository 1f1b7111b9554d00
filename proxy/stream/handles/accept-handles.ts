import type { Server, Socket } from 'node:net';
import { ignoreError } from '../../../common/ignored.ts';
import type { AcceptedConnection, PlaintextStreamOptions } from '../plaintext-stream.ts';
import { resetSocket } from '../reset-socket.ts';
import { HandleStream } from './handle-stream.ts';
import { handleOf, type Runtime, type SocketName, socketOf, type TcpHandle } from './runtime.ts';

/**
 * Has a server that listens hand over what it accepts as handles, and no more as sockets. One whose connections come from
 * elsewhere (`cluster`) goes on as it is.
 */
export function acceptHandles(
  runtime: Runtime,
  server: Server,
  onConnection: (connection: AcceptedConnection) => void,
): void {
  const listener = handleOf(server);
  if (!(listener instanceof runtime.TCP)) return;
  const { onconnection } = listener;
  listener.onconnection = (status, handle) => {
    // It tells the server, which tells whom it concerns.
    if (handle === undefined) return onconnection.call(listener, status, handle);
    handle.setNoDelay(true);
    onConnection(new AcceptedHandle(runtime, handle));
  };
}

/** A handle that was accepted. */
class AcceptedHandle implements AcceptedConnection {
  readonly #runtime: Runtime;
  readonly #handle: TcpHandle;
  /** Until it is taken. */
  #onClosed: (() => void)[] = [];
  #stream: HandleStream | undefined;
  #socket: Socket | undefined;
  /** Asked for once: the system has it no more when the handle is closed. */
  #remoteAddress: string | undefined;

  constructor(runtime: Runtime, handle: TcpHandle) {
    this.#runtime = runtime;
    this.#handle = handle;
  }

  get remoteAddress(): string | undefined {
    if (this.#remoteAddress === undefined) {
      const name: SocketName = {};
      if (this.#handle.getpeername(name) === 0) this.#remoteAddress = name.address;
    }
    return this.#remoteAddress;
  }

  get descriptor(): number | undefined {
    const { fd } = this.#handle;
    return fd >= 0 ? fd : undefined;
  }

  get isClosed(): boolean {
    return this.descriptor === undefined;
  }

  stream(options?: PlaintextStreamOptions): HandleStream {
    if (this.#stream !== undefined || this.#socket !== undefined) throw takenBefore();
    const stream = new HandleStream(this.#runtime, this.#handle, options);
    this.#stream = stream;
    this.#taken(stream);
    return stream;
  }

  socket(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    if (this.#stream !== undefined) throw takenBefore();
    const socket = socketOf(this.#handle);
    socket.on('error', ignoreError);
    this.#socket = socket;
    this.#taken(socket);
    return socket;
  }

  #taken(taker: { once(event: 'close', listener: () => void): unknown }): void {
    for (const listener of this.#onClosed) taker.once('close', listener);
    this.#onClosed = [];
  }

  reset(): void {
    if (this.#socket !== undefined) resetSocket(this.#socket);
    else (this.#stream ?? this.stream()).reset();
  }

  once(event: 'close', listener: () => void): void {
    const taker = this.#socket ?? this.#stream;
    if (taker === undefined) this.#onClosed.push(listener);
    else taker.once(event, listener);
  }
}

/** Two that read one handle: a mistake of the program. */
function takenBefore(): Error {
  return new Error('the connection was taken before');
}
