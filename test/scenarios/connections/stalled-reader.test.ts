/**
 * Two connections share a tunnel and both bring much. One reader stops; the other gets all of its
 * bytes all the same. What waits for the stalled one is bounded, and is complete when it reads again.
 * Once with the client as the reader, once with the application.
 */
import { createHash, randomBytes, type Hash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startMesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { fileScope } from '../../helpers/scope.ts';
import { startTcpApp, type TcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';

const FAST_BYTES = 200_000_000;
const STALLED_BYTES = 64_000_000;

/** More than all windows and buffers on the way may hold for one connection. */
const MOST_THAT_WAITS_BYTES = 32_000_000;

const BLOCK = randomBytes(64 * 1024);

const scope = fileScope();
let app: TcpApp;
let api: Sidecar;
let web: Sidecar;

test.before(async () => {
  const mesh = await startMesh(scope);
  app = await startTcpApp(scope);
  api = await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'] });
});

for (const reader of ['client', 'application'] as const) {
  test.serial(`a stalled ${reader} does not hold up the one beside it`, async (t) => {
    const stalled = await pair(reader);
    const fast = await pair(reader);

    const stalledSent = send(stalled.writer, STALLED_BYTES);
    await eventually('the stalled connection takes no more', () =>
      stalled.writer.writableNeedDrain && stalled.writer.bytesWritten > 0 ? true : undefined,
    );
    const fastSent = send(fast.writer, FAST_BYTES);
    t.is(await receive(fast.reader, FAST_BYTES), await fastSent);

    const onItsWay = stalled.writer.bytesWritten - stalled.reader.bytesRead;
    t.true(stalled.reader.bytesRead < STALLED_BYTES);
    t.true(onItsWay < MOST_THAT_WAITS_BYTES, `${onItsWay} bytes wait`);
    t.is(await receive(stalled.reader, STALLED_BYTES), await stalledSent);
    for (const socket of [stalled.writer, stalled.reader, fast.writer, fast.reader]) socket.end();
  });
}

test.serial('nothing is left', async (t) => {
  for (const metrics of await carryingNothing([web, api])) {
    t.is(metrics.sum('hauberk_connections_closed_total', { reason: 'complete' }), 4);
    t.is(metrics.sum('hauberk_connections_failed_total'), 0);
    t.is(metrics.sum('hauberk_tunnels_opened_total'), 1, 'all of them shared a tunnel');
  }
  t.is(await web.process.end(), 0);
  t.is(await api.process.end(), 0);
});

/** A connection through the mesh, of which one end reads and the other writes. */
async function pair(
  reader: 'client' | 'application',
): Promise<{ readonly reader: Socket; readonly writer: Socket }> {
  const client = await connectTcp(scope, web.upstreamPorts[0] ?? 0);
  const server = await within('the application accepts', app.accepted());
  return reader === 'client'
    ? { reader: client, writer: server }
    : { reader: server, writer: client };
}

/** Writes so many bytes as fast as they are taken; resolves with their hash. */
async function send(socket: Socket, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += BLOCK.length) {
    const block = Buffer.from(BLOCK.subarray(0, Math.min(BLOCK.length, bytes - sent)));
    block.writeDoubleBE(sent);
    hash.update(block);
    if (!socket.write(block)) await once(socket, 'drain');
  }
  return hash.digest('hex');
}

/** Reads so many bytes; resolves with their hash. */
async function receive(socket: Socket, bytes: number): Promise<string> {
  const hash: Hash = createHash('sha256');
  const { promise, resolve } = Promise.withResolvers<void>();
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    received += chunk.length;
    if (received >= bytes) resolve();
  });
  await within(`${bytes} bytes arrive`, promise, 60_000);
  return hash.digest('hex');
}
