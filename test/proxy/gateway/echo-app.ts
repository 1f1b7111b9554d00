import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Scope } from '../../helpers/scope.ts';

/** What a service saw of a request. */
export interface SeenRequest {
  readonly service: string;
  readonly method: string;
  readonly url: string;
  /** Names in lower case; several values of one name joined by a bar. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly trailers: Readonly<Record<string, string | undefined>>;
}

/** An application that answers every request with what it saw of it, as JSON. */
export interface EchoApp {
  readonly port: number;
  readonly seen: readonly SeenRequest[];
}

/** Starts it on loopback; `answer` takes over the answers to some requests. */
export async function startEchoApp(
  scope: Scope,
  service: string,
  answer?: (request: http.IncomingMessage, response: http.ServerResponse) => boolean,
): Promise<EchoApp> {
  const seen: SeenRequest[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    if (answer?.(request, response) === true) return;
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers: Record<string, string> = {};
      for (let at = 0; at < request.rawHeaders.length; at += 2) {
        const name = String(request.rawHeaders[at]).toLowerCase();
        const value = String(request.rawHeaders[at + 1]);
        headers[name] = name in headers ? `${headers[name]} | ${value}` : value;
      }
      const one: SeenRequest = {
        service,
        method: String(request.method),
        url: String(request.url),
        headers,
        body: Buffer.concat(chunks).toString(),
        trailers: request.trailers,
      };
      seen.push(one);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(one));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}
