import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';

/** An application that speaks plaintext HTTP on loopback. */
export interface HttpApp {
  readonly port: number;
  /** Requests that it has answered. */
  readonly served: number;
  close(): Promise<void>;
}

/**
 * Starts an HTTP server that answers `GET /` with its name, and `POST /digest` with the SHA-256 of
 * the body; it ends with the test.
 */
export async function startHttpApp(t: ExecutionContext, name: string): Promise<HttpApp> {
  let served = 0;
  const server = http.createServer((request, response) => {
    served += 1;
    if (request.method !== 'POST') {
      response.end(name);
      return;
    }
    const hash = createHash('sha256');
    request.on('data', (chunk: Buffer) => hash.update(chunk));
    request.on('end', () => response.end(hash.digest('hex')));
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(close);
  return {
    port: (server.address() as AddressInfo).port,
    get served() {
      return served;
    },
    close,
  };
}
