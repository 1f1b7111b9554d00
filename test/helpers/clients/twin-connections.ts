import { once } from 'node:events';
import net from 'node:net';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';

/** Two local addresses of a listener on all of them. */
const LOCAL = ['127.0.0.1', '127.0.0.2'];

/**
 * Connects twice from one address and port, to two local addresses of a listener on 0.0.0.0: what TCP allows, and
 * whoever tells connections apart by where they come from does not.
 */
export async function connectTwins(scope: Scope, port: number): Promise<[net.Socket, net.Socket]> {
  const localPort = await freePort();
  const sockets = LOCAL.map((host) =>
    net.connect({ host, port, localAddress: '127.0.0.3', localPort }),
  );
  for (const socket of sockets) scope.teardown(() => socket.destroy());
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  const [one, other] = sockets;
  if (one === undefined || other === undefined) throw new Error('there are two');
  return [one, other];
}
