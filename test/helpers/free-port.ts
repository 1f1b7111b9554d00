import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A free port of loopback, for programs that cannot be asked which one the system gave them. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}
