import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** The way to a port, which a test can cut. */
export interface Cable extends AsyncDisposable {
  readonly port: number;
  /** How many connections were made over it. */
  readonly connections: number;
  /** From now on no connection can be made over it; those that are open go on. */
  refuse(): void;
  /** From now on nothing comes through, and nobody is told. */
  cut(): void;
}

/** Makes a way to this port of the machine. */
export async function cableTo(target: number): Promise<Cable> {
  const sockets: Socket[] = [];
  let isCut = false;
  let refuses = false;
  let connections = 0;
  const server = createServer((near) => {
    if (refuses) {
      near.destroy();
      return;
    }
    connections += 1;
    const far = connect({ host: '127.0.0.1', port: target });
    for (const socket of [near, far]) socket.on('error', () => {});
    sockets.push(near, far);
    if (!isCut) near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a TCP port');
  return {
    port: address.port,
    get connections() {
      return connections;
    },
    refuse: () => (refuses = true),
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
