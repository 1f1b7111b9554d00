import { connect } from 'node:net';
import type { Destination } from './messages.ts';

const ANSWER_DEADLINE_MS = 1_000;
const ASK_EVERY_MS = 20;

/** Asks until a request is answered with 200. */
export async function probeLoad(to: Destination): Promise<void> {
  while (!(await isAnswered(to))) await new Promise((next) => setTimeout(next, ASK_EVERY_MS));
}

/** Whether a request over a new connection is answered. */
export function isAnswered({ host, port }: Destination): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ port, host });
  socket.setTimeout(ANSWER_DEADLINE_MS, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('close', () => resolve(false));
  socket.on('data', (chunk: Buffer) => {
    // A gateway that knows no endpoint yet answers by itself.
    resolve(chunk.toString('latin1').startsWith('HTTP/1.1 200 '));
    socket.destroy();
  });
  socket.write('GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n');
  return promise;
}
