import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { IdleOrder } from './messages.ts';

/** Connections that are being opened at a time: what a sidecar's backlog takes without a retry. */
const AT_ONCE = 100;

const REQUEST = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';

/** Opens connections and makes one request on each, so that they are open from end to end. */
export async function idleLoad({ port, connections }: IdleOrder): Promise<void> {
  const held: Socket[] = [];
  let next = 0;
  const open = async (): Promise<void> => {
    while (next < connections) {
      next += 1;
      const socket = connect({ port, host: '127.0.0.1' });
      held.push(socket);
      socket.write(REQUEST);
      await once(socket, 'data');
      // Ends this program: what is measured then would be of fewer connections.
      socket.once('close', () => {
        throw new Error('an idle connection was closed');
      });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, open));
}
