import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** Below the ports that the system gives to those who want any, so that nobody gets it from there meanwhile. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;

/**
 * A free port of loopback, which stays the one of this process as far as other tests are concerned: for
 * programs that cannot be asked which one the system gave them, and for those that are started again on
 * the port that they had.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if ((await isReserved(port)) && (await isFree(port))) return port;
  }
}

/** Reserves the number with a name that only one process of the host can listen on, until it ends. */
async function isReserved(port: number): Promise<boolean> {
  const server = createServer().listen(`\0hauberk-test-port-${port}`);
  server.unref();
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether nobody answers there. Listening for a moment would tell as well, but a program that is started in that moment
 * holds the socket until it has closed what it inherited, and the port is in use meanwhile.
 */
async function isFree(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}
