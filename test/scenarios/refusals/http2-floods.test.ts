/**
 * Floods of HTTP/2 frames, by an insider with a valid certificate on 15008 and by anybody on 15012 and at a gateway:
 * headers, headers that never end, streams that are opened and reset, SETTINGS and PING whose answers
 * nobody reads. The connection of the attacker ends, which is counted and logged; the load through
 * the same sidecar loses nothing, sidecars stay connected, and no memory stays behind.
 */
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import {
  besiege,
  holdingsOf,
  returnsTo,
  type BesiegedMesh,
} from '../../helpers/mesh/besieged-mesh.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import type { HauberkProcess } from '../../helpers/mesh/hauberk-process.ts';
import {
  CLIENT_PREFACE,
  END_HEADERS,
  FRAME,
  frame,
  literalHeader,
} from '../../helpers/clients/http2-frames.ts';
import { startGateway, type Gateway } from '../../helpers/mesh/mesh-gateway.ts';
import { stolenIssuer } from '../../helpers/mesh/mesh-issuer.ts';
import type { MetricSamples } from '../../helpers/metric-samples.ts';
import { INSPECTED } from '../../helpers/machine/process-memory.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { hboneOptionsOf } from '../../helpers/clients/peer-credentials.ts';
import { fileScope } from '../../helpers/scope.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from '../../proxy/gateway/certificate-files.ts';

interface Context extends BesiegedMesh {
  readonly mallory: ConnectionOptions;
  readonly gateway: Gateway;
  readonly gatewayPort: number;
}

const test = anyTest as TestFn<Context>;
const scope = fileScope();
test.before(async (t) => {
  const siege = await besiege(scope);
  const issuer = await stolenIssuer(siege.mesh.controlPlane.dataDirectory);
  const altNames = [oddName.uri('spiffe://mesh.local/ns/default/sa/mallory')];
  const { directory } = siege.mesh;
  const www = createTestAuthority().workload('edge', 'www');
  for (const [name, text] of Object.entries(certificateFiles('www', www))) {
    await writeFile(path.join(directory, name), text);
  }
  const listener = LISTENER.replaceAll('DIR', directory);
  const gateway = await startGateway(scope, siege.mesh, listener, [], [], INSPECTED);
  t.context = {
    ...siege,
    mallory: hboneOptionsOf(oddCertificate(issuer, { altNames })),
    gateway,
    gatewayPort: await gateway.port('https'),
  };
});

const LISTENER = `
  - name: https
    listen: '127.0.0.1:0'
    protocol: HTTPS
    tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}
    routes: [{backend: 'api:8080'}]
`;

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
  literalHeader(':authority', 'control-plane'),
  literalHeader('content-type', 'application/grpc'),
]);
const REQUEST = Buffer.concat([
  literalHeader(':method', 'POST'),
  literalHeader(':scheme', 'https'),
  literalHeader(':path', '/'),
  literalHeader(':authority', 'www'),
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
  'empty DATA frames': (request) => (count) =>
    count === 0
      ? frame({ type: FRAME.headers, flags: END_HEADERS, stream: 1, payload: request })
      : Buffer.concat(Array.from({ length: 500 }, () => frame({ type: FRAME.data, stream: 1 }))),
  'PRIORITY frames': () => () =>
    Buffer.concat(
      Array.from({ length: 500 }, (_, at) =>
        frame({ type: FRAME.priority, stream: 2 * at + 1, payload: Buffer.from([0, 0, 0, 0, 1]) }),
      ),
    ),
  'frames of a type that nobody knows': () => () =>
    Buffer.concat(Array.from({ length: 500 }, () => frame({ type: 0xee }))),
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
    process: ({ api }: Context): HauberkProcess => api.process,
    port: ({ api }: Context) => api.hbonePort,
    metrics: ({ api }: Context) => api.metrics(),
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
    process: ({ mesh }: Context): HauberkProcess => mesh.controlPlane.process,
    port: ({ mesh }: Context) => mesh.controlPlane.grpcPort,
    metrics: ({ mesh }: Context) => mesh.controlPlane.metrics(),
    ended: (metrics: MetricSamples) => metrics.sum('hauberk_grpc_connections_failed_total'),
    event: 'connection-failed',
    insider: false,
  },
  'HTTPS of a gateway, by anybody': {
    request: REQUEST,
    process: ({ gateway }: Context): HauberkProcess => gateway.process,
    port: ({ gatewayPort }: Context) => gatewayPort,
    metrics: ({ gateway }: Context) => gateway.metrics(),
    ended: (metrics: MetricSamples) =>
      metrics.sum('hauberk_gateway_requests_refused_total', { reason: 'malformed' }),
    event: 'request-refused',
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
      t.is((await t.context.mesh.controlPlane.metrics()).sum('hauberk_sidecars_connected'), 3);
      await returnsTo(process, before, { moreBytes: 3 * MEBIBYTE, moreFiles: 4 });
    });
  }
}

test.serial(
  'WINDOW_UPDATE frames cost what it takes to read them, and nobody notices',
  async (t) => {
    const increment = frame({ type: FRAME.windowUpdate, payload: Buffer.from([0, 0, 0, 1]) });
    const piece = Buffer.concat(Array.from({ length: 1_000 }, () => increment));
    for (const target of Object.values(TARGETS)) {
      const options = target.insider ? t.context.mallory : hboneOptionsOf(undefined);
      const socket = await attack(t, { ...options, port: target.port(t.context) });
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      for (let sent = 0; sent < 8 * MEBIBYTE && !socket.destroyed; sent += piece.length) {
        if (socket.write(piece)) continue;
        const drained = new Promise<void>((resolve) => socket.once('drain', () => resolve()));
        await within('the flood is taken or cut off', Promise.race([drained, closed]));
      }
      await t.context.unharmed(t);
      socket.destroy();
    }
  },
);

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
