/**
 * The demo's application, a process of its own: an HTTP server that knows nothing of the mesh. It
 * says on which port it listens with one line on stdout, and ends when its parent does.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { argv, stdin, stdout } from 'node:process';

const name = argv[2] ?? 'app';

/** Longer than any pause of the demo's client, so that this end never closes under a request. */
const KEEP_ALIVE_MS = 120_000;

const server = http.createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end(`${name} says: ${String(request.headers['x-canary'] ?? 'hello')}\n`);
});
server.listen(0, '127.0.0.1', () => {
  stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});

stdin.resume();
stdin.on('end', () => {
  server.close();
  server.closeAllConnections();
});
