import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that the system gives to those who want any, so that no other test takes it meanwhile. */
const FIRST_PORT = 21_000;
const LAST_PORT = 31_999;

/** A free port of loopback, for programs that cannot be asked which one the system gave them. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      await once(server.close(), 'close');
      return port;
    } catch {
      // Somebody has it; the next one may be free.
    }
  }
}
