/**
 * A service ends its connection with nothing but a FIN or a reset, as one that is killed does: while the
 * connection is idle, before an answer and in the middle of one. Requests on it fail at once and never look
 * complete, its connection is let go of, and the next request dials again.
 */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { fileScope } from '../../helpers/scope.ts';
import { openGatewayUnderTest, type GatewayUnderTest } from './gateway-under-test.ts';

const scope = fileScope();

/** Stands before a service, and ends its connections as if the service had been killed. */
interface Wire {
  readonly port: number;
  /** Connections so far. */
  readonly count: () => number;
  /** Connections that the gateway has not closed yet. */
  readonly open: Set<net.Socket>;
  cut(how: 'FIN' | 'RST'): void;
}

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as net.AddressInfo).port;
}

async function startWire(target: number): Promise<Wire> {
  const open = new Set<net.Socket>();
  let count = 0;
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    count += 1;
    open.add(near);
    const far = net.connect(target, '127.0.0.1');
    far.on('error', () => {});
    near.on('error', () => {});
    near.on('close', () => {
      open.delete(near);
      far.destroy();
    });
    near.on('end', () => near.end());
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => near.writable && near.write(chunk));
  });
  const port = await listening(server);
  scope.teardown(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return {
    port,
    open,
    count: () => count,
    cut(how) {
      for (const socket of open) {
        if (how === 'FIN') socket.end();
        else socket.resetAndDestroy();
      }
    },
  };
}

const asked = new Set<string>();

/** `/ok` is answered, `/half` begins an answer, all others are silent. */
function serve(path: string, respond: () => NodeJS.WritableStream): void {
  asked.add(path);
  if (path.startsWith('/ok')) respond().end('well');
  else if (path.startsWith('/half')) respond().write('half');
}

async function startHttp1(): Promise<number> {
  const server = http.createServer((request, response) => {
    request.resume();
    serve(request.url ?? '', () => response);
  });
  scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return await listening(server);
}

async function startHttp2(): Promise<number> {
  const server = http2.createServer();
  const sessions = new Set<http2.Http2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    stream.resume();
    serve(String(headers[':path']), () => {
      stream.respond();
      return stream;
    });
  });
  scope.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return await listening(server);
}

let wires: Readonly<Record<'http' | 'h2c', Wire>>;
let gateway: GatewayUnderTest;

test.before(async () => {
  wires = { http: await startWire(await startHttp1()), h2c: await startWire(await startHttp2()) };
  gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    limits: {responseSeconds: 600}
    routes:
      - {hostnames: [h2c.test], backend: 'h2c:80', appProtocol: h2c}
      - {hostnames: [http.test], backend: 'http:80'}
`,
    services: { http: wires.http.port, h2c: wires.h2c.port },
  });
});

interface Outcome {
  readonly status: number;
  /** Undefined when it was broken off. */
  readonly body: string | undefined;
}

async function ask(
  host: string,
  path: string,
  method = 'GET',
  onBegun = (): void => {},
): Promise<Outcome> {
  const port = gateway.port('web');
  const request = http.request({ port, path, method, headers: { host }, agent: false });
  // Told by the answer, once there is one.
  request.on('error', () => {});
  request.end(method === 'POST' ? 'body' : undefined);
  const [response] = (await within(`${path} is answered`, once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  const status = response.statusCode ?? 0;
  response.once('data', onBegun);
  try {
    const chunks = (await within(
      `the answer to ${path} ends`,
      response.setEncoding('utf8').toArray(),
    )) as string[];
    return { status, body: chunks.join('') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    return { status, body: undefined };
  }
}

const WELL = { status: 200, body: 'well' };
let number = 0;

for (const protocol of ['http', 'h2c'] as const) {
  const host = `${protocol}.test`;
  for (const how of ['FIN', 'RST'] as const) {
    for (const method of ['GET', 'POST']) {
      test.serial(`${protocol}, ${how} while idle: the next ${method} dials again`, async (t) => {
        const wire = wires[protocol];
        t.deepEqual(await ask(host, '/ok'), WELL);
        const before = wire.count();
        wire.cut(how);
        await eventually('the gateway closes it', () => wire.open.size === 0 || undefined);
        t.deepEqual(await ask(host, '/ok', method), WELL);
        t.is(wire.count(), before + 1);
      });
    }

    test.serial(`${protocol}, ${how} before an answer: all requests fail at once`, async (t) => {
      const wire = wires[protocol];
      number += 1;
      const paths = [`/silent-${number}-a`, `/silent-${number}-b`];
      // Not sent again: the service may have done what it was asked.
      const answers = paths.map((path) => ask(host, path, 'POST'));
      await eventually('it is asked', () => paths.every((path) => asked.has(path)) || undefined);
      wire.cut(how);
      for (const answer of answers) t.is((await answer).status, 502);
      t.deepEqual(await ask(host, '/ok'), WELL);
      await eventually('nothing but the new one is open', () => wire.open.size === 1 || undefined);
    });

    test.serial(`${protocol}, ${how} in an answer: it does not look complete`, async (t) => {
      const wire = wires[protocol];
      number += 1;
      const path = `/half-${number}`;
      const begun = Promise.withResolvers<void>();
      const answer = ask(host, path, 'GET', begun.resolve);
      await within('the answer begins', begun.promise);
      wire.cut(how);
      const { status, body } = await answer;
      t.deepEqual([status, body], [200, undefined]);
      t.deepEqual(await ask(host, '/ok'), WELL);
    });
  }
}
