import { connect, type Socket } from 'node:net';
import type { TimelineOrder, TimelineOutcome } from './messages.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: app\r\n\r\n';
const SLICE_MS = 100;

/** Makes requests one after the other on each connection and keeps every latency with its moment. */
export async function timelineLoad(order: TimelineOrder): Promise<TimelineOutcome> {
  const { to, connections, seconds } = order;
  const startMs = Date.now();
  const endMs = startMs + seconds * 1000;
  const slices: number[][] = [];
  let failures = 0;
  const record = (sentAt: number): void => {
    const slice = Math.floor((Date.now() - startMs) / SLICE_MS);
    (slices[slice] ??= []).push(Math.round((performance.now() - sentAt) * 1000));
  };
  const run = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket: Socket = connect({ host: to.host, port: to.port, noDelay: true });
    let sentAt = 0;
    const send = (): void => {
      sentAt = performance.now();
      socket.write(REQUEST);
    };
    socket.on('connect', send);
    // Answers are one small segment: each piece of data is one of them.
    socket.on('data', () => {
      record(sentAt);
      if (Date.now() < endMs) send();
      else socket.end();
    });
    socket.on('error', () => (failures += 1));
    socket.on('close', () => {
      if (Date.now() < endMs) failures += 1;
      resolve();
    });
    await promise;
  };
  await Promise.all(Array.from({ length: connections }, run));
  const filled = Array.from({ length: slices.length }, (_, at) => slices[at] ?? []);
  return { failures, startMs, sliceMs: SLICE_MS, slices: filled };
}
