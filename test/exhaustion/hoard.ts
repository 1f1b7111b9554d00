import net, { type Socket } from 'node:net';
import type { Scope } from '../helpers/scope.ts';

/** Connections that a greedy caller keeps. */
export interface Hoard {
  /** Those that were ended by the other side. */
  readonly refused: number;
  /** Those that are open. */
  readonly open: number;
  /** Lets go of all of them. */
  letGo(): void;
}

/** An HTTP server waits for the rest of it. */
const HALF_A_REQUEST = 'GET / HTTP/1.1\r\n';

/** Opens so many connections to a local port, begins a request on each, and keeps those that live. */
export function hoard(scope: Scope, port: number, count: number): Hoard {
  const open = new Set<Socket>();
  let refused = 0;
  let over = false;
  for (let opened = 0; opened < count; opened += 1) {
    const socket = net.connect(port, '127.0.0.1');
    open.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => {
      open.delete(socket);
      if (!over) refused += 1;
    });
    socket.resume();
    socket.write(HALF_A_REQUEST);
  }
  const letGo = (): void => {
    over = true;
    for (const socket of open) socket.destroy();
  };
  scope.teardown(letGo);
  return {
    get refused() {
      return refused;
    },
    get open() {
      return open.size;
    },
    letGo,
  };
}
