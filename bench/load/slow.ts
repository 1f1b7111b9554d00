import { once } from 'node:events';
import { connect } from 'node:net';
import type { SlowOrder } from './messages.ts';

/** How often a slow reader reads a little. */
const READ_EVERY_MS = 100;

/** Readers that never catch up with what they asked for. Resolves when all of them have begun. */
export async function slowLoad(order: SlowOrder): Promise<void> {
  const { to, path, readers, bytesPerSecond } = order;
  const share = Math.ceil((bytesPerSecond * READ_EVERY_MS) / 1000);
  await Promise.all(
    Array.from({ length: readers }, async () => {
      const socket = connect({ host: to.host, port: to.port });
      socket.on('error', () => undefined);
      socket.write(`GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`);
      await once(socket, 'readable');
      const reading = setInterval(() => socket.read(share), READ_EVERY_MS);
      socket.once('close', () => clearInterval(reading));
    }),
  );
}
