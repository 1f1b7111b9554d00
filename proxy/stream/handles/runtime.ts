import net from 'node:net';

/**
 * The names of Node.js below its sockets that `proxy/stream/handles` uses, and what it expects of them. None is
 * documented; the runtime comes along with the program, and `try-handles.ts` uses each once before the first connection.
 */
export interface Runtime {
  /** `SOCKET` is for connections, `SERVER` for listeners. */
  readonly TCP: new (type: number) => TcpHandle;
  readonly TCPConnectWrap: new () => ConnectRequest;
  readonly ShutdownWrap: new () => ShutdownRequest;
  readonly constants: { readonly SOCKET: number; readonly SERVER: number };
  /** Filled before `onread` is called, and by each write. */
  readonly streamBaseState: Int32Array;
  /** Where in it the length of a read is, or its error. */
  readonly kReadBytesOrError: number;
  /** Where in it the error of a write is that has a request. */
  readonly kLastWriteErr: number;
}

/** A TCP socket of libuv. Calls return 0, or an error as a negative number. */
export interface TcpHandle {
  /** Negative when it is closed. */
  readonly fd: number;
  onread: (this: TcpHandle) => void;
  /** Of a listener. */
  onconnection: (this: TcpHandle, status: number, handle: TcpHandle | undefined) => void;
  /** Reads into this memory from now on, and never into any other. */
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: null, chunk: Uint8Array): WriteResult;
  /** `areBuffers` says that no chunk is a string. */
  writev(request: null, chunks: readonly Uint8Array[], areBuffers: true): WriteResult;
  shutdown(request: ShutdownRequest): number;
  /** Closes it with an RST. Refused while a shutdown is under way. */
  reset(onClosed: () => void): number;
  close(onClosed: () => void): void;
  connect(request: ConnectRequest, address: string, port: number): number;
  connect6(request: ConnectRequest, address: string, port: number): number;
  bind(address: string, port: number): number;
  listen(backlog: number): number;
  getsockname(out: SocketName): number;
  getpeername(out: SocketName): number;
  setNoDelay(isOn: boolean): number;
  setKeepAlive(isOn: boolean, delaySeconds: number): number;
}

/** The result of a write that has ended within the call, or its request. */
export type WriteResult = number | WriteRequest;

/** A write that the system has not taken yet. */
export interface WriteRequest {
  oncomplete?: (this: WriteRequest, status: number) => void;
  /** Set where it was completed within the call after all: `oncomplete` is not called then. */
  writeStatus: number | null;
  /** Keeps the memory that is written from being collected. */
  buffer?: unknown;
}

/** Ends our direction. */
export interface ShutdownRequest {
  oncomplete?: (status: number) => void;
}

/** Connects. */
export interface ConnectRequest {
  oncomplete?: (status: number) => void;
}

/** What `getsockname` and `getpeername` fill. */
export interface SocketName {
  address?: string;
  port?: number;
}

/** The end of a stream, where a read has a length: libuv's own number (`UV_EOF`). */
export const END_OF_STREAM = -4095;

const METHODS = [
  'useUserBuffer',
  'readStart',
  'readStop',
  'writeBuffer',
  'writev',
  'shutdown',
  'reset',
  'close',
  'connect',
  'connect6',
  'bind',
  'listen',
  'getsockname',
  'getpeername',
  'setNoDelay',
  'setKeepAlive',
] as const satisfies readonly (keyof TcpHandle)[];

/** Finds them. @returns undefined where one is missing, or is not what it was */
export function findRuntime(): Runtime | undefined {
  try {
    // Deprecated (DEP0111), and the only way to the state of a read.
    const { binding } = process as { readonly binding?: (name: string) => object };
    const found: Partial<Runtime> = { ...binding?.('tcp_wrap'), ...binding?.('stream_wrap') };
    return isWhole(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function isWhole(found: Partial<Runtime>): found is Runtime {
  const { TCP, TCPConnectWrap, ShutdownWrap, constants, streamBaseState } = found;
  const { kReadBytesOrError, kLastWriteErr } = found;
  // kLastWriteErr came with writes without a request (26.10); before it, writeBuffer(null) aborts the process.
  const numbers = [kReadBytesOrError, kLastWriteErr, constants?.SOCKET, constants?.SERVER];
  if (!numbers.every(Number.isInteger) || !(streamBaseState instanceof Int32Array)) return false;
  if (typeof TCPConnectWrap !== 'function' || typeof ShutdownWrap !== 'function') return false;
  if (typeof TCP !== 'function') return false;
  const prototype = TCP.prototype as Readonly<Record<string, unknown>>;
  return METHODS.every((name) => typeof prototype[name] === 'function');
}

/** How a write has ended within the call; null when it has not. */
export function statusOf(
  { streamBaseState, kLastWriteErr }: Runtime,
  result: WriteResult,
): number | null {
  if (typeof result === 'number') return result;
  return streamBaseState[kLastWriteErr] || result.writeStatus;
}

/** The handle of a socket or a listener of Node.js, which it keeps under an undocumented name. */
export function handleOf(owner: net.Socket | net.Server): unknown {
  return (owner as { readonly _handle?: unknown })._handle;
}

/**
 * Makes a socket of Node.js from a handle that is not read yet and has `setNoDelay` already, with the options by which
 * `net.Server` does so itself, and what it marks.
 */
export function socketOf(handle: TcpHandle): net.Socket {
  const options = {
    handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    readable: true,
    writable: true,
    noDelay: true,
  };
  return new net.Socket(options as object);
}
