// An application that knows nothing of meshes. Its name is its first argument; it says `ready`.
//
//     tcp  any:8080, any:8090   HTTP: who it is, and what it was sent
//     tcp  any:2525             speaks first, then sends back what comes
//     tcp  127.0.0.1:9100       HTTP, for this host alone
//     udp  any:5353             sends back what comes
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

const name = process.argv[2] ?? 'app';

function serveHttp(): http.Server {
  return http.createServer((request, response) => {
    void request.toArray().then((chunks) => {
      const { remoteAddress = '' } = request.socket;
      response.setHeader('x-client', remoteAddress.replace('::ffff:', ''));
      const body = Buffer.concat(chunks as Buffer[]).toString();
      response.end(`${name} got ${request.headers['x-canary']?.toString() ?? ''}${body}\n`);
    });
  });
}

const greeter = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.write(`220 ${name}\n`);
  socket.pipe(socket);
});

const udp = createSocket('udp6', (message, { port, address }) => udp.send(message, port, address));
udp.bind(5353);

const servers = [
  serveHttp().listen(8080),
  serveHttp().listen(8090),
  greeter.listen(2525),
  serveHttp().listen(9100, '127.0.0.1'),
];
await Promise.all([once(udp, 'listening'), ...servers.map((server) => once(server, 'listening'))]);
console.log('ready');
