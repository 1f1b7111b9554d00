import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import { HandleStream } from './handle-stream.ts';
import type { Runtime } from './runtime.ts';

/** Where to, and how. */
export interface HandleTarget {
  /** IP address, without brackets. */
  readonly address: string;
  readonly port: number;
  readonly keepAliveMs: number;
}

/**
 * Begins a connection, as `net.connect` does with `noDelay` and `keepAlive`. Nothing is read of it.
 *
 * @param settle is told once, not within this call: nothing, or the system's error as `net.connect` has it
 */
export function connectHandle(
  runtime: Runtime,
  { address, port, keepAliveMs }: HandleTarget,
  settle: (error?: Error) => void,
): HandleStream {
  const { TCP, TCPConnectWrap, constants } = runtime;
  const handle = new TCP(constants.SOCKET);
  const request = new TCPConnectWrap();
  const connected = (status: number): void => {
    if (status !== 0) return settle(connectError(status, address, port));
    handle.setNoDelay(true);
    handle.setKeepAlive(true, keepAliveMs / 1000);
    settle();
  };
  request.oncomplete = connected;
  const status =
    net.isIP(address) === 6
      ? handle.connect6(request, address, port)
      : handle.connect(request, address, port);
  if (status !== 0) process.nextTick(connected, status);
  return new HandleStream(runtime, handle);
}

function connectError(errno: number, address: string, port: number): Error {
  const code = getSystemErrorName(errno);
  const error = new Error(`connect ${code} ${address}:${port}`);
  return Object.assign(error, { errno, code, syscall: 'connect', address, port });
}
