import type { Server, Socket } from 'node:net';
import { ignoreError } from '../../../common/ignored.ts';
import type {
  AcceptedConnection,
  PlaintextStream,
  PlaintextStreamOptions,
} from '../plaintext-stream.ts';
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

  constructor(runtime: Runtime, handle: TcpHandle) {
    this.#runtime = runtime;
    this.#handle = handle;
  }

  get remoteAddress(): string | undefined {
    const name: SocketName = {};
    return this.#handle.getpeername(name) === 0 ? name.address : undefined;
  }

  get descriptor(): number | undefined {
    const { fd } = this.#handle;
    return fd >= 0 ? fd : undefined;
  }

  get isClosed(): boolean {
    return this.descriptor === undefined;
  }

  stream(options?: PlaintextStreamOptions): PlaintextStream {
    return this.#streamWith(options);
  }

  #streamWith(options?: PlaintextStreamOptions): HandleStream {
    const stream = new HandleStream(this.#runtime, this.#handle, options);
    this.#stream = stream;
    this.#taken(stream);
    return stream;
  }

  socket(): Socket {
    if (this.#socket !== undefined) return this.#socket;
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
    else (this.#stream ?? this.#streamWith()).reset();
  }

  once(event: 'close', listener: () => void): void {
    const taker = this.#socket ?? this.#stream;
    if (taker === undefined) this.#onClosed.push(listener);
    else taker.once(event, listener);
  }
}
