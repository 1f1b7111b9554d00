import { once } from 'node:events';
import { createServer } from 'node:net';
import { BenchError } from '../bench-error.ts';

/** Below the ports that the system gives to clients, so that none of 10,000 connections takes one. */
const FIRST_PORT = 21_000;
const LAST_PORT = 31_999;
const TRIES = 200;

let next = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));

/** A free port of loopback, for programs that cannot be told to choose one. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    next = next >= LAST_PORT ? FIRST_PORT : next + 1;
    if (await isFree(next)) return next;
  }
  throw new BenchError('not-in-time', `no free port between ${FIRST_PORT} and ${LAST_PORT}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
