import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { BulkOrder, BulkOutcome } from './messages.ts';

/** What is read goes nowhere: one buffer for all. */
const SINK = Buffer.allocUnsafeSlow(256 * 1024);
const SOURCE = Buffer.allocUnsafeSlow(256 * 1024).fill(0x5a);
const HEAD_END = '\r\n\r\n';

/** Moves bytes, a connection for each transfer. Rejects when one is cut short. */
export async function bulkLoad(order: BulkOrder): Promise<BulkOutcome> {
  const move = order.direction === 'download' ? download : upload;
  // Windows open and buffers grow: the first transfer is not like the others.
  await move(order);
  const startedMs = performance.now();
  const endMs = startedMs + order.seconds * 1000;
  let transfers = 0;
  const flow = async (): Promise<void> => {
    while (transfers < order.atLeast || performance.now() < endMs) {
      transfers += 1;
      await move(order);
    }
  };
  await Promise.all(Array.from({ length: order.flows }, flow));
  const elapsedMs = performance.now() - startedMs;
  return { bytes: transfers * order.bytes, transfers, elapsedMs };
}

async function download({ to: { host, port }, path, bytes }: BulkOrder): Promise<void> {
  let got = 0;
  let expected = Number.POSITIVE_INFINITY;
  const onread = {
    buffer: SINK,
    callback: (length: number): boolean => {
      // The head of the answer is one small segment and comes whole.
      if (got === 0) expected = SINK.indexOf(HEAD_END) + HEAD_END.length + bytes;
      got += length;
      // How a sidecar carries the end of a connection is not what is measured here.
      if (got >= expected) socket.end();
      return true;
    },
  };
  const socket = connect({ host, port, noDelay: true, onread });
  socket.on('error', () => undefined);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: app\r\n\r\n`);
  await closed(socket);
  if (got !== expected) throw new Error(`expected ${expected} bytes, got ${got}`);
}

/**
 * The application may answer before it has read everything, so a second request follows on the same
 * connection: its answer comes when the body before it has arrived.
 */
async function upload({ to: { host, port }, path, bytes }: BulkOrder): Promise<void> {
  const socket = connect({ host, port, noDelay: true });
  socket.on('error', () => undefined);
  let answers = '';
  socket.on('data', (chunk: Buffer) => (answers += chunk.toString('latin1')));
  socket.write(`POST ${path} HTTP/1.1\r\nHost: app\r\nContent-Length: ${bytes}\r\n\r\n`);
  for (let left = bytes; left > 0; left -= SOURCE.length) {
    const chunk = left < SOURCE.length ? SOURCE.subarray(0, left) : SOURCE;
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.write('GET / HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n');
  await closed(socket);
  const accepted = answers.split('HTTP/1.1 200').length - 1;
  if (accepted !== 2)
    throw new Error(`expected two answers with 200, got ${answers.slice(0, 200)}`);
}

/** Resolves when a socket is closed, however it ended. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
