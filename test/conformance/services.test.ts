/**
 * What services do that a proxy could get wrong, with programs of others on both ends: events that come one by
 * one, and an upload of 1 GiB that must not be held in memory.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually, within } from '../helpers/deadline.ts';
import { requires } from '../helpers/machine/requirements.ts';
import type { Scope } from '../helpers/scope.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { openGatewayUnderTest } from '../proxy/gateway/gateway-under-test.ts';

const run = promisify(execFile);
const VERSIONS = ['--http1.1', '--http2-prior-knowledge'];

async function inFrontOf(scope: Scope, app: number, limits = ''): Promise<string> {
  const gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, ${limits} routes: [{backend: 'app:80'}]}`,
    services: { app },
  });
  return `http://127.0.0.1:${gateway.port('web')}`;
}

async function serve(scope: Scope, listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

requires('curl')('events of a server come one by one, while the request goes on', async (t) => {
  const responses: http.ServerResponse[] = [];
  const port = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 0\n\n');
    responses.push(response);
  });
  const front = await inFrontOf(t, port);
  for (const version of VERSIONS) {
    const curl = spawn('curl', ['-sN', '-m', '40', version, front], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.teardown(() => curl.kill('SIGKILL'));
    let heard = '';
    curl.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    const hears = (text: string) =>
      eventually(
        `${version} hears ${text}`,
        () => heard.endsWith(`data: ${text}\n\n`) || undefined,
      );
    await hears('0');
    const response = responses.pop();
    for (const event of ['1', '2', '3']) {
      response?.write(`data: ${event}\n\n`);
      await hears(event);
    }
    const closed = once(curl, 'close');
    response?.end();
    t.deepEqual(await within('curl ends', closed), [0, null]);
  }
});

const GIB = 1024 ** 3;
/** Of the gateway, the service and their buffers, which are all in this process. */
const GROWTH_BYTES = 200 * 1024 * 1024;

requires('curl')('an upload of 1 GiB is not held in memory', async (t) => {
  t.timeout(180_000);
  let received = 0;
  const port = await serve(t, (request, response) => {
    request.on('data', (chunk: Buffer) => (received += chunk.length));
    request.on('end', () => response.end('taken'));
  });
  const front = await inFrontOf(t, port, `limits: {bodyBytes: ${2 * GIB}},`);
  await using directory = await temporaryDirectory();
  const file = path.join(directory.path, 'sparse');
  const sparse = await open(file, 'w');
  await sparse.truncate(GIB);
  await sparse.close();
  const before = process.memoryUsage.rss();
  let highest = before;
  const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 50);
  t.teardown(() => clearInterval(watch));
  const { stdout } = await run('curl', [
    '-s',
    '-m',
    '150',
    '--http1.1',
    '-H',
    'Expect:',
    '-T',
    file,
    front,
  ]);
  t.is(stdout, 'taken');
  t.is(received, GIB);
  t.true(highest - before < GROWTH_BYTES, `${Math.round((highest - before) / 1e6)} MB more`);
});
