// An application that sends much and reads much, both at once, and hashes both.
//     node main.ts listen BYTES          prints { "port": … }, serves one connection
//     node main.ts connect BYTES PORT
// When both directions have ended it prints a BulkReport.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { BulkReport } from '../bulk-transfer.ts';

/** Each block starts with its number: one that is lost, doubled or misplaced changes the hash. */
const BLOCK = randomBytes(256 * 1024);

async function send(socket: Socket, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += BLOCK.length) {
    const block = Buffer.from(BLOCK.subarray(0, Math.min(BLOCK.length, bytes - sent)));
    block.writeDoubleBE(sent);
    hash.update(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  return hash.digest('hex');
}

async function receive(socket: Socket): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  await once(socket, 'end');
  return { bytes, sha256: hash.digest('hex') };
}

async function exchange(socket: Socket, bytes: number): Promise<void> {
  const [sha256, received] = await Promise.all([send(socket, bytes), receive(socket)]);
  const report: BulkReport = { sent: { bytes, sha256 }, received };
  console.log(JSON.stringify(report));
}

const [role, bytes, port] = process.argv.slice(2);
if (role === 'listen') {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    server.close();
    void exchange(socket, Number(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
} else {
  const socket = net.connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
  await exchange(socket, Number(bytes));
}
