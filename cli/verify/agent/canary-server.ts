import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { listen } from '../../../common/network/listen.ts';
import type { Canaries } from './agent-task.ts';
import { messageWith } from './message.ts';

/** An application that knows nothing of a mesh. */
export interface CanaryServer {
  readonly port: number;
  /** How many messages with the canary have arrived. */
  readonly received: number;
  close(): void;
}

/**
 * Listens on a free port of every address, in plaintext. It answers each line that has the canary of
 * the one direction with a line that has the other's, and sends nothing else.
 */
export async function startCanaryServer({ there, back }: Canaries): Promise<CanaryServer> {
  const sockets = new Set<Socket>();
  let received = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
    createInterface({ input: socket }).on('line', (line) => {
      if (!line.startsWith(there)) return;
      received += 1;
      socket.write(messageWith(back));
    });
  });
  const any = { name: 'canary', port: 0 };
  const { port } = await listen(server, { ...any, host: '::' }).catch(() =>
    // Docker gives containers no IPv6 unless it is asked to.
    listen(server, { ...any, host: '0.0.0.0' }),
  );
  return {
    port,
    get received() {
      return received;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
