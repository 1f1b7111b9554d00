import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';

/** A request as an application of a test got it. */
export interface RecordedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** An application that speaks HTTP/1, and counts what it is asked. */
export interface RecordingApp {
  readonly port: number;
  readonly requests: readonly RecordedRequest[];
  /** Requests that have begun, their body or not. */
  readonly begun: number;
  close(): Promise<void>;
}

/** Answers a request whose body has come. */
export type Answer = (
  response: http.ServerResponse,
  request: RecordedRequest,
  /** How many there were before it. */
  before: number,
) => void;

/** Starts one; it answers with its name unless it is told otherwise. */
export async function startRecordingApp(
  scope: Scope,
  name: string,
  answer: Answer = (response) => void response.end(name),
): Promise<RecordingApp> {
  const requests: RecordedRequest[] = [];
  let begun = 0;
  const server = http.createServer((incoming, response) => {
    begun += 1;
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const request = { method, url, headers, body: Buffer.concat(chunks).toString() };
      requests.push(request);
      answer(response, request, requests.length - 1);
    });
  });
  server.keepAliveTimeout = 120_000;
  // Not a port of the system's: once it is closed, nobody else may answer there.
  server.listen(await freePort(), '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  scope.teardown(close);
  return {
    port,
    requests,
    get begun() {
      return begun;
    },
    close,
  };
}

/** What an application of a test hears back. */
export interface Heard {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Asks over HTTP/1; rejects when the answer does not come to its end. */
export async function ask(
  port: number,
  path = '/',
  options: http.RequestOptions & { readonly body?: string | readonly string[] } = {},
): Promise<Heard> {
  const { body, ...rest } = options;
  const request = http.request({ host: '127.0.0.1', port, path, ...rest });
  const { promise, resolve, reject } = Promise.withResolvers<Heard>();
  request.on('error', reject);
  request.on('response', (response) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', reject);
    response.on('end', () => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body: Buffer.concat(chunks).toString() });
    });
  });
  // As bytes: Node.js would write the fields in the encoding of a body that is a string.
  if (body === undefined) request.end();
  else if (typeof body === 'string') request.end(Buffer.from(body));
  else {
    for (const part of body) request.write(part);
    request.end();
  }
  return await promise;
}
