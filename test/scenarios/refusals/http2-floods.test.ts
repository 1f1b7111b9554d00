/**
 * Floods of HTTP/2 frames, by an insider with a valid certificate on 15008 and by anybody on 15012:
 * headers, headers that never end, streams that are opened and reset, SETTINGS and PING whose answers
 * nobody reads. The connection of the attacker ends, which is counted and logged; the load through
 * the same sidecar loses nothing, sidecars stay connected, and no memory stays behind.
 */
import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { besiege, holdingsOf, returnsTo, type BesiegedMesh } from '../../helpers/besieged-mesh.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import type { HauberkProcess } from '../../helpers/hauberk-process.ts';
import {
  CLIENT_PREFACE,
  END_HEADERS,
  FRAME,
  frame,
  literalHeader,
} from '../../helpers/http2-frames.ts';
import { stolenIssuer } from '../../helpers/mesh-issuer.ts';
import type { MetricSamples } from '../../helpers/metric-samples.ts';
import { oddCertificate, oddName } from '../../helpers/odd-certificate.ts';
import { hboneOptionsOf } from '../../helpers/peer-credentials.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = anyTest as TestFn<BesiegedMesh & { readonly mallory: ConnectionOptions }>;
const scope = fileScope();
test.before(async (t) => {
  const siege = await besiege(scope);
  const issuer = await stolenIssuer(siege.mesh.controlPlane.dataDirectory);
  const altNames = [oddName.uri('spiffe://mesh.local/ns/default/sa/mallory')];
  t.context = { ...siege, mallory: hboneOptionsOf(oddCertificate(issuer, { altNames })) };
});

const MEBIBYTE = 1024 * 1024;

/** Far more than any of the limits; sent until the connection ends. */
const MOST_BYTES = 64 * MEBIBYTE;

/** The next piece of a flood; `count` says which it is. */
type Flood = (count: number) => Buffer;

const CONNECT = Buffer.concat([
  literalHeader(':method', 'CONNECT'),
  literalHeader(':authority', '127.0.0.1:8080'),
]);
const CALL = Buffer.concat([
  literalHeader(':method', 'POST'),
  literalHeader(':scheme', 'https'),
  literalHeader(':path', '/hauberk.v1.Identity/Issue'),
  literalHeader('content-type', 'application/grpc'),
]);
const CANCEL = Buffer.from([0, 0, 0, 8]);
const someHeaders = (count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: 100 }, (_, i) => literalHeader(`x-${count}-${i}`, 'y'.repeat(100))),
  );

const FLOODS: Readonly<Record<string, (request: Buffer) => Flood>> = {
  'headers that never end': () => (count) =>
    count === 0
      ? frame({ type: FRAME.headers, stream: 1 })
      : frame({ type: FRAME.continuation, stream: 1, payload: someHeaders(count) }),
  'empty CONTINUATION frames': () => (count) =>
    count === 0
      ? frame({ type: FRAME.headers, stream: 1 })
      : Buffer.concat(
          Array.from({ length: 500 }, () => frame({ type: FRAME.continuation, stream: 1 })),
        ),
  'streams that are opened and reset': (request) => (count) =>
    Buffer.concat(
      Array.from({ length: 100 }, (_, i) => {
        const stream = 2 * (100 * count + i) + 1;
        return Buffer.concat([
          frame({ type: FRAME.headers, flags: END_HEADERS, stream, payload: request }),
          frame({ type: FRAME.reset, stream, payload: CANCEL }),
        ]);
      }),
    ),
  'SETTINGS whose answers are not read': () => () =>
    Buffer.concat(Array.from({ length: 500 }, () => frame({ type: FRAME.settings }))),
  'PING whose answers are not read': () => () =>
    Buffer.concat(
      Array.from({ length: 500 }, () => frame({ type: FRAME.ping, payload: Buffer.alloc(8) })),
    ),
};

const TARGETS = {
  '15008, by an insider': {
    request: CONNECT,
    process: ({ api }: BesiegedMesh): HauberkProcess => api.process,
    port: ({ api }: BesiegedMesh) => api.hbonePort,
    metrics: ({ api }: BesiegedMesh) => api.metrics(),
    ended: (metrics: MetricSamples) =>
      metrics.sum('hauberk_tunnels_closed_total', {
        direction: 'inbound',
        reason: 'protocol-error',
      }),
    event: 'tunnel-closed',
    insider: true,
  },
  '15012, by anybody': {
    request: CALL,
    process: ({ mesh }: BesiegedMesh): HauberkProcess => mesh.controlPlane.process,
    port: ({ mesh }: BesiegedMesh) => mesh.controlPlane.grpcPort,
    metrics: ({ mesh }: BesiegedMesh) => mesh.controlPlane.metrics(),
    ended: (metrics: MetricSamples) => metrics.sum('hauberk_grpc_connections_failed_total'),
    event: 'connection-failed',
    insider: false,
  },
} as const;

for (const [where, target] of Object.entries(TARGETS)) {
  for (const [what, make] of Object.entries(FLOODS)) {
    test.serial(`a flood on ${where} ends its own connection: ${what}`, async (t) => {
      const process = target.process(t.context);
      const before = await holdingsOf(process);
      const lines = process.log.filter(({ event }) => event === target.event).length;
      const endedBefore = target.ended(await target.metrics(t.context));

      const options = target.insider ? t.context.mallory : hboneOptionsOf(undefined);
      const socket = await attack(t, { ...options, port: target.port(t.context) });
      const sent = await flood(socket, make(target.request));
      t.true(sent < MOST_BYTES, `${sent} bytes went in`);
      await eventually('the end of the connection is counted', async () => {
        const ended = target.ended(await target.metrics(t.context));
        return ended > endedBefore || undefined;
      });
      await process.logged(target.event, ({ level }) => level === 'warn', { times: lines + 1 });

      await t.context.unharmed(t);
      t.is((await t.context.mesh.controlPlane.metrics()).sum('hauberk_sidecars_connected'), 2);
      await returnsTo(process, before, { moreBytes: 3 * MEBIBYTE, moreFiles: 4 });
    });
  }
}

/** Connects, and says what every client says first. It never reads. */
async function attack(t: ExecutionContext, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect(options);
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  await within('the attacker is connected', once(socket, 'secureConnect'));
  socket.write(CLIENT_PREFACE);
  return socket;
}

/** Sends until the other side ends the connection; resolves with the bytes that it took. */
async function flood(socket: TLSSocket, next: Flood): Promise<number> {
  let sent = 0;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (let count = 0; sent < MOST_BYTES && !socket.destroyed; count += 1) {
    const piece = next(count);
    sent += piece.length;
    if (socket.write(piece)) await new Promise((resolve) => setImmediate(resolve));
    else {
      const drained = new Promise<void>((resolve) => socket.once('drain', () => resolve()));
      await within('the flood is taken or cut off', Promise.race([drained, closed]));
    }
  }
  await within('the connection of the attacker ends', closed);
  return sent;
}
