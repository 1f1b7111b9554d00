import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { Counter, Histogram, Registry } from 'prom-client';
import { createLogger } from '../../../common/logging/logger.ts';
import { registerProcessMetrics } from '../../../common/metrics/process-metrics.ts';
import { SOFTWARE_VERSION } from '../../../common/process/version.ts';
import { startTelemetryServer } from '../../../common/metrics/telemetry-server.ts';
import type { TelemetryServerOptions } from '../../../common/metrics/telemetry-server.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const well = () => ({ ok: true, reasons: [] });

async function start(t: ExecutionContext, overrides: Partial<TelemetryServerOptions> = {}) {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const registry = new Registry();
  registerProcessMetrics(registry);
  const logger = createLogger({ name: 'sample', level: 'info', destination });
  const options = { registry, logger, host: '127.0.0.1', port: 0, health: well, ready: well };
  const server = await startTelemetryServer({ ...options, ...overrides });
  t.teardown(() => server.close());
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, {
      ...init,
      signal: AbortSignal.timeout(45_000),
    });
  return { server, get, registry, lines };
}

test('it says where it listens', async (t) => {
  const { server, lines } = await start(t, { name: 'http' });
  const { event, listener, address, port } = JSON.parse(lines[0] ?? '');
  t.deepEqual(
    { event, listener, address, port },
    { event: 'listening', listener: 'http', address: '127.0.0.1', port: server.port },
  );
});

test('metrics come in the Prometheus format, or in OpenMetrics for who asks', async (t) => {
  const { get, registry } = await start(t);
  const counter = new Counter({
    name: 'hauberk_things_total',
    help: 'Things.',
    labelNames: ['kind'],
    registers: [registry],
  });
  counter.inc({ kind: 'a"b' }, 3);
  const accept = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3';

  const openMetrics = await get('/metrics', { headers: { accept } });
  t.regex(openMetrics.headers.get('content-type') ?? '', /^application\/openmetrics-text;/);
  const text = await openMetrics.text();
  t.true(text.includes('# TYPE hauberk_things counter\nhauberk_things_total{kind="a\\"b"} 3\n'));
  t.true(text.endsWith('\n# EOF\n'));
  t.false(text.includes('\n\n'));

  const plain = await get('/metrics');
  t.regex(plain.headers.get('content-type') ?? '', /^text\/plain;/);
  const plainText = await plain.text();
  t.true(plainText.includes('# TYPE hauberk_things_total counter\nhauberk_things_total{'));
  t.true(plainText.includes(`hauberk_build_info{version="${SOFTWARE_VERSION}"} 1`));
});

requires('promtool')('promtool finds nothing to complain about', async (t) => {
  const { get, registry } = await start(t);
  new Histogram({ name: 'hauberk_connect_seconds', help: 'Time.', registers: [registry] });
  const input = await (await get('/metrics')).text();
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input,
    encoding: 'utf8',
  });
  t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
});

test('probes tell what is missing', async (t) => {
  let certificate = false;
  const ready = () =>
    certificate ? well() : { ok: false, reasons: ['there is no certificate yet'] };
  const { get } = await start(t, { ready });
  for (const path of ['/readyz', '/healthz/ready']) {
    const response = await get(path);
    t.is(response.status, 503);
    t.deepEqual(await response.json(), { ok: false, reasons: ['there is no certificate yet'] });
  }
  t.is((await get('/healthz')).status, 200);
  certificate = true;
  t.is((await get('/readyz')).status, 200);
});

test('HEAD has no body, other methods and paths are refused', async (t) => {
  const { get } = await start(t);
  const head = await get('/metrics', { method: 'HEAD' });
  t.is(head.status, 200);
  t.is(await head.text(), '');
  const post = await get('/metrics', { method: 'POST', body: 'x'.repeat(100_000) });
  t.is(post.status, 405);
  t.is(post.headers.get('allow'), 'GET, HEAD');
  t.is((await get('/etc/passwd')).status, 404);
});

test('a route that fails is an answer and a log line, not the end', async (t) => {
  const routes = { '/broken': () => Promise.reject(new Error('inner detail')) };
  const { get, lines } = await start(t, { routes });
  const response = await get('/broken');
  t.is(response.status, 500);
  t.notRegex(await response.text(), /inner detail/);
  t.regex(lines.join(''), /telemetry-route-failed/);
  t.is((await get('/healthz')).status, 200);
});

async function open(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  return socket;
}

// By itself, because it measures.
test.serial('garbage and floods of headers are refused at once', async (t) => {
  const { get, server } = await start(t);
  const floods = [
    '\u0000\u0001\u0002garbage\r\n\r\n',
    `GET / HTTP/1.1\r\na: ${'x'.repeat(20_000)}`,
  ];
  for (const bytes of floods) {
    const socket = await open(server.port);
    const started = performance.now();
    socket.write(bytes);
    await once(socket, 'close');
    t.true(performance.now() - started < 1_000);
  }
  t.is((await get('/healthz')).status, 200);
});

test('2,000 silent connections keep nobody out and are dropped', async (t) => {
  const { get, server } = await start(t);
  const sockets = await Promise.all(Array.from({ length: 2_000 }, () => open(server.port)));
  t.is((await get('/healthz')).status, 200);
  await Promise.all(sockets.map((socket) => finished(socket)));
  t.is((await get('/healthz')).status, 200);
});

test('closing ends silent and idle connections and waits for an answer under way', async (t) => {
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const { promise: gate, resolve: openGate } = Promise.withResolvers<void>();
  const routes = {
    '/slow': async (_request: unknown, response: { end(text: string): unknown }) => {
      onAsked();
      await gate;
      response.end('done');
    },
  };
  const { get, server } = await start(t, { routes, port: await freePort() });
  const silent = await open(server.port);
  const ended = once(silent, 'close');
  const answer = get('/slow').then((response) => response.text());
  await asked;
  const closed = server.close();
  openGate();
  t.is(await answer, 'done');
  await closed;
  await ended;
  await t.throwsAsync(get('/healthz'));
});

test('a port in use is one sentence', async (t) => {
  const { server } = await start(t);
  const error = await t.throwsAsync(start(t, { port: server.port }), { name: 'ListenError' });
  t.is(error.message, `the metrics port 127.0.0.1:${server.port} is in use`);
});
