/**
 * A gateway between programs that are not ours: curl, openssl, a WebSocket and a gRPC client outside;
 * nginx, a WebSocket server and a gRPC server in the mesh. It ends with nothing open.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { WebSocketServer } from 'ws';
import { eventually, within } from '../../helpers/deadline.ts';
import { connectGrpcEcho, startGrpcEcho } from '../../helpers/servers/grpc-echo.ts';
import { type Gateway, startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { startNginx } from '../../helpers/servers/nginx.ts';
import { createOpenssl } from '../../helpers/pki/openssl.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from '../../proxy/gateway/certificate-files.ts';

const scope = fileScope();
const authority = createTestAuthority();
const clients = createTestAuthority({ trustDomain: 'clients.example' });
const run = promisify(execFile);
const root = authority.root.certificate.toString();

const NGINX = `
  server {
    listen 127.0.0.1:PORT;
    client_max_body_size 20m;
    location /who { return 200 "$host $http_x_forwarded_for $http_x_forwarded_proto $http_x_forwarded_client_cert"; }
    location /count { client_body_buffer_size 20m; proxy_pass http://127.0.0.1:PORT/counted; }
    location /counted { return 200 "$request_method $content_length"; }
    location /early { return 200 "enough"; }
    location / { return 404 "nginx has no such page"; }
  }
`;
const NGINX_BEHIND_PROXY_PROTOCOL = `
  server { listen 127.0.0.1:PORT proxy_protocol; location / { return 200 "$proxy_protocol_addr"; } }
`;

async function startWebSocketApp(): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data as Buffer, { binary: false }));
  });
  scope.teardown(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function start() {
  const mesh = await startMesh(scope);
  const services = {
    pages: await startNginx(scope, NGINX),
    told: await startNginx(scope, NGINX_BEHIND_PROXY_PROTOCOL),
    chat: await startWebSocketApp(),
    search: await startGrpcEcho(scope),
  };
  for (const [service, port] of Object.entries(services)) {
    await mesh.sidecar({ service, expose: [`80=127.0.0.1:${port}`] });
  }
  const www = authority.workload('edge', 'www', {
    dnsNames: ['www.example.com', 'grpc.example.com'],
  });
  const files = {
    ...certificateFiles('www', www),
    ...certificateFiles('alice', clients.workload('people', 'alice')),
    'clients.pem': clients.root.certificate.toString(),
    'root.pem': root,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(mesh.directory, name), text);
  }
  const at = (name: string): string => path.join(mesh.directory, name);
  const certificates = `certificates: [{certificate: ${at('www.pem')}, key: ${at('www.key')}}]`;
  const gateway = await startGateway(
    scope,
    mesh,
    `
  - {name: told, listen: '127.0.0.1:0', protocol: TCP, backend: 'told:80', sendProxyProtocol: true}
  - name: plain
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes:
      - {backend: 'pages:80'}
      - {hostnames: [grpc.example.com], backend: 'search:80', appProtocol: h2c}
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTPS
    tls: {mode: Terminate, ${certificates}, clientCertificate: {mode: Optional, ca: ${at('clients.pem')}}}
    routes:
      - {hostnames: [www.example.com], backend: 'pages:80'}
      - {hostnames: [www.example.com], pathPrefix: /chat, backend: 'chat:80'}
      - {hostnames: [grpc.example.com], backend: 'search:80', appProtocol: h2c}
`,
  );
  await eventually('the gateway knows the services', async () =>
    (await gateway.metrics()).sum('hauberk_endpoints') >= 4 ? true : undefined,
  );
  return { gateway, at };
}
let running: ReturnType<typeof start> | undefined;
const world = (): ReturnType<typeof start> => (running ??= start());

const test = requires('curl', 'nginx', 'openssl');

async function curl(
  { gateway, at }: { readonly gateway: Gateway; readonly at: (name: string) => string },
  ...args: readonly string[]
): Promise<string> {
  const port = await gateway.port('web');
  const where = ['--connect-to', `www.example.com:443:127.0.0.1:${port}`];
  const common = [
    '-sS',
    '--max-time',
    '20',
    '--cacert',
    at('root.pem'),
    '-w',
    ' [%{http_code} %{http_version}]',
  ];
  const { stdout } = await run('curl', [...common, ...where, ...args]);
  return stdout;
}

const URL = 'https://www.example.com';

test.serial('curl reaches nginx over HTTP/2 and HTTP/1.1, and nginx hears who it is', async (t) => {
  const outside = await world();
  for (const [flag, version] of [
    ['--http2', '2'],
    ['--http1.1', '1.1'],
  ] as const) {
    const text = await curl(outside, flag, '-H', 'X-Forwarded-For: forged', `${URL}/who`);
    t.is(text, `www.example.com 127.0.0.1 https  [200 ${version}]`);
  }
  t.regex(await curl(outside, `${URL}/none`), /^nginx has no such page \[404 2\]$/);
});

test.serial(
  'curl reaches nginx over HTTP/2 without TLS, where it knows that it is spoken',
  async (t) => {
    const { gateway } = await world();
    const url = `http://127.0.0.1:${await gateway.port('plain')}/who`;
    for (const [flag, version] of [
      ['--http2-prior-knowledge', '2'],
      ['--http1.1', '1.1'],
      // Asks whether it may change over, which is obsolete: the answer is one in HTTP/1.
      ['--http2', '1.1'],
    ] as const) {
      const common = ['-sS', '--max-time', '20', '-w', ' [%{http_code} %{http_version}]'];
      const forged = ['-H', 'X-Forwarded-Client-Cert: forged'];
      const { stdout } = await run('curl', [...common, flag, ...forged, url]);
      t.is(stdout, `127.0.0.1 127.0.0.1 http  [200 ${version}]`);
    }
  },
);

test.serial('curl shows a client certificate', async (t) => {
  const outside = await world();
  const own = ['--cert', outside.at('alice.pem'), '--key', outside.at('alice.key')];
  const text = await curl(outside, ...own, '-H', 'X-Forwarded-Client-Cert: forged', `${URL}/who`);
  t.regex(
    text,
    /^www\.example\.com 127\.0\.0\.1 https Hash=[0-9a-f]{64};Subject="[^"]*CN=alice[^"]*";/,
  );
});

test.serial('curl sends ten megabytes, with a length and in chunks', async (t) => {
  const outside = await world();
  const file = outside.at('ten-megabytes');
  await writeFile(file, Buffer.alloc(10_000_000));
  for (const flags of [
    ['--http1.1'],
    ['--http1.1', '-H', 'Transfer-Encoding: chunked'],
    ['--http2'],
  ]) {
    const text = await curl(outside, ...flags, '--data-binary', `@${file}`, `${URL}/count`);
    t.regex(text, /^POST 10000000 \[200/);
    // curl 7.88 itself waits for ever when HTTP/2 tells it to send no more.
    if (flags[0] === '--http2') continue;
    const early = await curl(outside, ...flags, '--data-binary', `@${file}`, `${URL}/early`);
    t.regex(early, /^enough \[200/, 'an answer may come before the body is complete');
  }
});

test.serial('nginx behind the gateway hears the address by the PROXY protocol', async (t) => {
  const { gateway } = await world();
  const { stdout } = await run('curl', ['-sS', `http://127.0.0.1:${await gateway.port('told')}/`]);
  t.is(stdout, '127.0.0.1');
});

test.serial('openssl talks HTTP by hand', async (t) => {
  const { gateway, at } = await world();
  const port = await gateway.port('web');
  const request = 'GET /who HTTP/1.1\\r\\nHost: www.example.com\\r\\nConnection: close\\r\\n\\r\\n';
  const command = `printf '${request}' | openssl s_client -connect 127.0.0.1:${port} -servername www.example.com -CAfile ${at('root.pem')} -verify_return_error -alpn http/1.1 -quiet`;
  const { stdout } = await run('sh', ['-c', command], { timeout: 20_000 });
  t.regex(stdout, /^HTTP\/1\.1 200 OK\r\n/);
  t.regex(stdout, /www\.example\.com 127\.0\.0\.1 https/);
  const openssl = await createOpenssl(t);
  const old = await openssl.run('s_client', '-connect', `127.0.0.1:${port}`, '-tls1_1');
  t.not(old.exitCode, 0);
});

test.serial('a smuggled request is refused before nginx could see it', async (t) => {
  const { gateway } = await world();
  const body =
    'POST /echo HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET /who HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n';
  const url = `telnet://127.0.0.1:${await gateway.port('plain')}`;
  const { stdout } = await run('sh', ['-c', `printf '${body}' | curl -sS --max-time 10 ${url}`]);
  t.regex(stdout, /^HTTP\/1\.1 400 Bad Request\r\n/);
  t.is(stdout.split('HTTP/1.1 ').length, 2);
});

test.serial('a WebSocket reaches its service', async (t) => {
  const { gateway } = await world();
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(`wss://127.0.0.1:${await gateway.port('web')}/chat`, {
    headers: { host: 'www.example.com' },
    ca: root,
    rejectUnauthorized: false,
  });
  await within('it opens', once(socket, 'open'));
  socket.send('hello');
  const [answer] = (await within('it comes back', once(socket, 'message'))) as [Buffer];
  t.is(answer.toString(), 'hello');
  socket.close();
  await within('it ends', once(socket, 'close'));
});

test.serial('a gRPC client reaches its service, trailers and all', async (t) => {
  const { gateway } = await world();
  const port = await gateway.port('web');
  const client = connectGrpcEcho(t, { port, root, name: 'grpc.example.com' });
  const answer = await within('it is answered', client.once('hello'));
  t.is(answer.code, grpc.status.OK);
  t.is(answer.message, 'hello');
  t.deepEqual(answer.trailers.get('x-sum'), ['5']);
  const denied = await within('it is answered', client.once('deny'));
  t.is(denied.code, grpc.status.PERMISSION_DENIED);
  const plain = { port: await gateway.port('plain'), name: 'grpc.example.com' };
  const other = await within('without TLS too', connectGrpcEcho(t, plain).once('hello'));
  t.is(other.message, 'hello');
  t.deepEqual(other.trailers.get('x-sum'), ['5']);
});

test.serial('at SIGTERM the gateway ends with 0, and nothing was open', async (t) => {
  const { gateway } = await world();
  const metrics = await eventually('nothing is open', async () => {
    const samples = await gateway.metrics();
    return samples.sum('hauberk_gateway_connections_open') === 0 ? samples : undefined;
  });
  t.is(metrics.sum('hauberk_gateway_requests_total', { status: '502' }), 0);
  t.true(metrics.sum('hauberk_gateway_requests_total', { status: '200' }) > 0);
  t.is(await gateway.process.end(), 0);
});
