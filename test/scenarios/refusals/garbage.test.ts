/**
 * Bytes that make no sense come to every port: random ones, half a TLS handshake, another protocol.
 * Each port ends the connection, counts it with its reason and logs it; what comes to the plaintext
 * port is the application's own business. Nobody else notices, and no memory stays behind.
 */
import { randomBytes } from 'node:crypto';
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
import type { MetricSamples } from '../../helpers/metric-samples.ts';
import { sendRaw } from '../../helpers/clients/raw-connection.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = anyTest as TestFn<BesiegedMesh>;
const scope = fileScope();
test.before(async (t) => {
  t.context = await besiege(scope);
});

const MEBIBYTE = 1024 * 1024;

/** A TLS record that announces a ClientHello of 512 bytes, and brings the first few. */
const HALF_A_HELLO = Buffer.from(`1603010200010001fc0303${'ab'.repeat(32)}`, 'hex');
const HTTP1 = 'GET /metrics HTTP/1.1\r\nhost: hauberk\r\nconnection: close\r\n\r\n';
const HTTP2_PREFACE = Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\0'.repeat(9)}`, 'latin1');

const NONSENSE: Readonly<Record<string, () => string | Uint8Array>> = {
  'random bytes': () => randomBytes(MEBIBYTE),
  zeros: () => Buffer.alloc(MEBIBYTE),
  'a TLS alert': () => Buffer.from('15030300020228', 'hex'),
  'a TLS record of the wrong kind': () => Buffer.from('170303ffff' + '00'.repeat(64), 'hex'),
  'a ClientHello of garbage': () =>
    Buffer.concat([Buffer.from('16030100800100007c', 'hex'), randomBytes(124)]),
  'HTTP/2 without TLS': () => HTTP2_PREFACE,
  SSH: () => 'SSH-2.0-OpenSSH_9.2\r\n',
  'a line without an end': () => 'x'.repeat(MEBIBYTE),
};

interface Port {
  readonly process: HauberkProcess;
  readonly port: number;
  readonly metrics: () => Promise<MetricSamples>;
  /** The metric and the event that refusals are told in. */
  readonly metric: string;
  readonly event: string;
}

const PORTS: Readonly<Record<string, (siege: BesiegedMesh) => Port>> = {
  '15008 HBONE': ({ api }) => ({
    process: api.process,
    port: api.hbonePort,
    metrics: () => api.metrics(),
    metric: 'hauberk_handshakes_refused_total',
    event: 'handshake-refused',
  }),
  '15012 gRPC': ({ mesh: { controlPlane } }) => ({
    process: controlPlane.process,
    port: controlPlane.grpcPort,
    metrics: () => controlPlane.metrics(),
    metric: 'hauberk_grpc_handshakes_refused_total',
    event: 'handshake-refused',
  }),
  '15014 HTTP of the control plane': ({ mesh: { controlPlane } }) => ({
    process: controlPlane.process,
    port: controlPlane.httpPort,
    metrics: () => controlPlane.metrics(),
    metric: 'hauberk_http_connections_refused_total',
    event: 'http-refused',
  }),
  '15020 metrics of the sidecar': ({ api }) => ({
    process: api.process,
    port: api.metricsPort,
    metrics: () => api.metrics(),
    metric: 'hauberk_http_connections_refused_total',
    event: 'http-refused',
  }),
};

for (const [name, portOf] of Object.entries(PORTS)) {
  test.serial(`nonsense is refused on ${name}`, async (t) => {
    const { process, port, metrics, metric, event } = portOf(t.context);
    const before = await holdingsOf(process);
    const shapes = Object.entries(NONSENSE);
    const refusals = (await metrics()).sum(metric);
    for (const [shape, bytes] of shapes) {
      const answer = await within(`${shape} is refused`, sendRaw(port, bytes()).ended);
      t.true(answer.length < 200, `${shape}: ${answer.length} bytes came back`);
    }
    const refused = await eventually('every refusal is counted', async () => {
      const samples = await metrics();
      return samples.sum(metric) >= refusals + shapes.length ? samples : undefined;
    });
    t.is(refused.sum(metric), refusals + shapes.length);
    await process.logged(event, ({ reason }) => typeof reason === 'string');

    await many(shapes.length * 25, () => {
      const [, bytes] = shapes[Math.floor(Math.random() * shapes.length)] ?? [];
      return sendRaw(port, bytes?.().slice(0, 20_000)).ended;
    });
    await returnsTo(process, before, { moreBytes: 3 * MEBIBYTE, moreFiles: 8 });
    await unharmed(t, process);
  });
}

test.serial(
  'HTTP/1 where TLS is spoken is refused; where HTTP is spoken it is answered',
  async (t) => {
    const answers = Object.values(PORTS).map(async (portOf) => {
      const { port } = portOf(t.context);
      const answer = await within('an end', sendRaw(port, HTTP1).ended);
      return answer.toString('latin1').split('\r\n', 1)[0];
    });
    t.deepEqual(await Promise.all(answers), ['', '', 'HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
  },
);

test.serial('half a ClientHello and then silence is ended by the clock', async (t) => {
  const waits = Object.values(PORTS).map(async (portOf) => {
    const { port, metrics, metric, process, event } = portOf(t.context);
    const before = (await metrics()).sum(metric);
    const half = event === 'http-refused' ? HTTP1.slice(0, 20) : HALF_A_HELLO;
    await within('the connection is ended', sendRaw(port, half).ended);
    await eventually('it is counted as a timeout', async () => {
      const samples = await metrics();
      return samples.has(metric, { reason: 'timeout' }) && samples.sum(metric) > before
        ? true
        : undefined;
    });
    await process.logged(event, ({ reason }) => reason === 'timeout');
    await unharmed(t, process);
  });
  await Promise.all(waits);
});

test.serial('what the application says is carried, whatever it is', async (t) => {
  const { web, unharmed: loadUnharmed } = t.context;
  const [port = 0] = web.upstreamPorts;
  const before = await holdingsOf(web.process);
  for (const [shape, bytes] of Object.entries(NONSENSE)) {
    const { socket, ended } = sendRaw(port, bytes());
    socket.end();
    // The application speaks HTTP, and says so or hangs up.
    const answer = await within(`the application ends ${shape}`, ended);
    t.regex(answer.toString('latin1'), /^(?:HTTP\/1\.1 4\d\d |$)/, shape);
  }
  await returnsTo(web.process, before, { moreBytes: 3 * MEBIBYTE, moreFiles: 8 });
  await loadUnharmed(t);
});

async function unharmed(t: ExecutionContext<BesiegedMesh>, process: HauberkProcess) {
  await t.context.unharmed(t);
  t.true(alive(process.pid), 'the process lives');
}

function alive(pid: number): boolean {
  return globalThis.process.kill(pid, 0);
}

async function many(count: number, make: () => Promise<unknown>): Promise<void> {
  const each = Array.from({ length: count }, make);
  await within(`${count} connections end`, Promise.all(each));
}
