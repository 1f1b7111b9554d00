// Connects to a host and a port, `udp` or `tcp`, and carries its standard input there and the answers
// back. Ends when the other side does: with 0, or with the system's error on standard error and 1.
import { createSocket } from 'node:dgram';
import net from 'node:net';

const [protocol, host = '', port = ''] = process.argv.slice(2);

if (protocol === 'udp') {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message) => process.stdout.write(message));
  process.stdin.on('data', (chunk: Buffer) => socket.send(chunk, Number(port), host));
} else {
  const socket = net.connect({ host, port: Number(port), allowHalfOpen: true });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    process.stderr.write(error.code ?? error.message);
    process.exitCode = 1;
    process.stdin.destroy();
  });
  process.stdin.pipe(socket).pipe(process.stdout);
}
