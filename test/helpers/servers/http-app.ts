import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';

/** An application that speaks plaintext HTTP on loopback. */
export interface HttpApp {
  readonly port: number;
  /** Requests that it has answered. */
  readonly served: number;
  /** Requests for `/held` that wait for their answer; ones whose connection broke still count. */
  readonly held: number;
  /** Answers them. */
  release(): void;
  close(): Promise<void>;
}

/**
 * Starts an HTTP server that answers `GET /` with its name, `GET /held` with its name once it is
 * released, and `POST /digest` with the SHA-256 of the body; it ends with the scope.
 */
export async function startHttpApp(scope: Scope, name: string): Promise<HttpApp> {
  let served = 0;
  const held = new Set<http.ServerResponse>();
  const server = http.createServer((request, response) => {
    if (request.url === '/held') {
      held.add(response);
      return;
    }
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
  // Not a port of the system's: once it is closed, nobody else may answer there.
  server.listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  scope.teardown(close);
  return {
    port: (server.address() as AddressInfo).port,
    get served() {
      return served;
    },
    get held() {
      return held.size;
    },
    release() {
      for (const response of held) response.end(name);
      held.clear();
    },
    close,
  };
}
