/** TLS that ends at the gateway: certificates by name, client certificates, HTTP/2 by ALPN. */
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import type http from 'node:http';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { fileScope } from '../../helpers/scope.ts';
import { createTestAuthority, type TestWorkload } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { type EchoApp, type SeenRequest, startEchoApp } from './echo-app.ts';
import { type GatewayUnderTest, openGatewayUnderTest } from './gateway-under-test.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';

const scope = fileScope();
const authority = createTestAuthority();
const clients = createTestAuthority({ trustDomain: 'clients.example' });
const strangers = createTestAuthority({ trustDomain: 'strangers.example' });
const www = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });
const wild = authority.workload('edge', 'wild', { dnsNames: ['a.shop.example.com'] });
const client = clients.workload('people', 'alice');
const expired = clients.workload('people', 'bob', { nowMs: Date.now() - 7_200_000 });

const TLS = `mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}, {certificate: DIR/wild.pem, key: DIR/wild.key}]`;
const LISTENERS = `
  - {name: https, listen: '127.0.0.1:0', protocol: HTTPS, tls: {${TLS}}, routes: [{backend: 'app:80'}]}
  - {name: required, listen: '127.0.0.1:0', protocol: HTTPS, tls: {${TLS}, clientCertificate: {mode: Required, ca: DIR/clients.pem}}, routes: [{backend: 'app:80'}]}
  - {name: optional, listen: '127.0.0.1:0', protocol: HTTPS, tls: {${TLS}, clientCertificate: {mode: Optional, ca: DIR/clients.pem}}, routes: [{backend: 'app:80'}]}
  - {name: tls, listen: '127.0.0.1:0', protocol: TLS, tls: {${TLS}}, routes: [{hostnames: [www.example.com], backend: 'echo:7'}]}
  - {name: new, listen: '127.0.0.1:0', protocol: HTTPS, tls: {${TLS}, minVersion: '1.3'}, routes: [{backend: 'app:80'}]}
`;

let app: EchoApp;
let gateway: GatewayUnderTest;

test.before(async () => {
  app = await startEchoApp(scope, 'app', ({ url, socket }, response) => {
    if (url === '/early') response.end('enough');
    if (url !== '/cut') return url === '/early';
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.write('half', () => socket.resetAndDestroy());
    return true;
  });
  const echo = await startTcpApp(scope, (socket) => socket.pipe(socket));
  gateway = await openGatewayUnderTest(scope, {
    listeners: LISTENERS,
    services: { app: app.port, echo: echo.port },
    files: {
      ...certificateFiles('www', www),
      ...certificateFiles('wild', wild),
      'clients.pem': clients.root.certificate.toString(),
    },
  });
});

function trust(workload?: TestWorkload): tls.ConnectionOptions {
  const own =
    workload === undefined
      ? {}
      : {
          cert: workload.chain.map(String).join(''),
          key: String(workload.privateKey.export({ type: 'pkcs8', format: 'pem' })),
        };
  return { ca: authority.root.certificate.toString(), ...own };
}

interface HttpsOptions extends tls.ConnectionOptions {
  readonly headers?: http.OutgoingHttpHeaders;
}

async function get(listener: string, options: HttpsOptions): Promise<SeenRequest> {
  const request = https.get({
    host: '127.0.0.1',
    port: gateway.port(listener),
    servername: 'www.example.com',
    agent: false,
    ...options,
  });
  const [response] = (await within('it is answered', once(request, 'response'))) as [
    http.IncomingMessage,
  ];
  const chunks = await response.setEncoding('utf8').toArray();
  return JSON.parse(chunks.join('')) as SeenRequest;
}

test.serial('a service is told that the client came over TLS', async (t) => {
  const { headers } = await get('https', trust());
  t.like(headers, { 'x-forwarded-proto': 'https', 'x-forwarded-for': '127.0.0.1' });
  t.is(headers['x-forwarded-client-cert'], undefined);
});

test.serial('the certificate is the one for the name, or else the first', async (t) => {
  for (const [servername, expected] of [
    ['www.example.com', www],
    ['a.shop.example.com', wild],
    ['other.example.org', www],
    [undefined, www],
  ] as const) {
    const socket = tls.connect({
      port: gateway.port('https'),
      host: '127.0.0.1',
      ...(servername === undefined ? {} : { servername }),
      ...trust(),
      checkServerIdentity: () => undefined,
    });
    await within('the handshake ends', once(socket, 'secureConnect'));
    t.is(socket.getPeerX509Certificate()?.serialNumber, expected.leaf.serialNumber);
    t.false(socket.isSessionReused());
    socket.destroy();
  }
});

test.serial('TLS below the least version is refused', async (t) => {
  const { headers } = await get('https', { ...trust(), maxVersion: 'TLSv1.2' });
  t.is(headers['x-forwarded-proto'], 'https');
  await t.throwsAsync(get('new', { ...trust(), maxVersion: 'TLSv1.2' }), {
    message: /protocol version|ECONNRESET/,
  });
});

test.serial(
  'a client certificate is shown to the service, whatever the client says of it',
  async (t) => {
    const forged = { 'x-forwarded-client-cert': 'Hash=forged' };
    for (const listener of ['required', 'optional']) {
      const { headers } = await get(listener, { ...trust(client), headers: forged });
      const field = headers['x-forwarded-client-cert'] ?? '';
      t.regex(field, /^Hash=[0-9a-f]{64};Subject="[^"]*CN=alice[^"]*";/);
      t.true(field.includes(`URI=${client.spiffeId.uri}`));
      t.true(field.includes('DNS=alice'));
    }
    const { headers } = await get('optional', { ...trust(), headers: forged });
    t.is(headers['x-forwarded-client-cert'], undefined);
  },
);

/** By what the log says. */
const ALERTS = {
  'no certificate': /ALERT_CERTIFICATE_REQUIRED$/,
  'SIGNATURE|ISSUER|UNABLE': /ALERT_UNKNOWN_CA$/,
  EXPIRED: /ALERT_CERTIFICATE_EXPIRED$/,
};

for (const [what, listener, workload, sentence] of [
  ['no certificate where one is required', 'required', undefined, 'no certificate'],
  [
    'a certificate of somebody else',
    'required',
    strangers.workload('a', 'b'),
    'SIGNATURE|ISSUER|UNABLE',
  ],
  ['an expired certificate', 'required', expired, 'EXPIRED'],
  [
    'a certificate of somebody else, though none is required',
    'optional',
    strangers.workload('a', 'b'),
    'SIGNATURE|ISSUER|UNABLE',
  ],
  ['an expired certificate, though none is required', 'optional', expired, 'EXPIRED'],
] as const) {
  test.serial(`refused: ${what}`, async (t) => {
    const before = app.seen.length;
    const error = await t.throwsAsync<NodeJS.ErrnoException>(get(listener, trust(workload)));
    t.regex(String(error.code), ALERTS[sentence], 'the client is told');
    t.is(app.seen.length, before);
    const line = gateway.log.of('connection-refused').at(-1);
    t.like(line, { listener, reason: 'client-certificate' });
    t.regex(String(line?.msg), new RegExp(sentence));
  });
}

test.serial('a client that speaks TLS 1.2 sees only the end', async (t) => {
  const error = await t.throwsAsync<NodeJS.ErrnoException>(
    get('required', { ...trust(), maxVersion: 'TLSv1.2' }),
  );
  t.is(error.code, 'ECONNRESET');
});

test.serial('HTTP/2 by ALPN, with the same fields', async (t) => {
  const session = http2.connect(`https://127.0.0.1:${gateway.port('optional')}`, {
    servername: 'www.example.com',
    ...trust(client),
  });
  t.teardown(() => session.destroy());
  const request = session.request({
    ':method': 'POST',
    ':path': '/a?b',
    ':authority': 'www.example.com',
    'x-forwarded-for': 'forged',
    cookie: ['a=1', 'b=2'],
    te: 'trailers',
  });
  request.end('hello');
  const chunks = (await within(
    'it is answered',
    request.setEncoding('utf8').toArray(),
  )) as string[];
  const seen = JSON.parse(chunks.join('')) as SeenRequest;
  t.like(seen, { method: 'POST', url: '/a?b', body: 'hello' });
  t.like(seen.headers, {
    host: 'www.example.com',
    cookie: 'a=1; b=2',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'https',
    te: 'trailers',
  });
  t.regex(seen.headers['x-forwarded-client-cert'] ?? '', /^Hash=/);
});

test.serial(
  'HTTP/2: what is refused in HTTP/1 is refused here, and only that request',
  async (t) => {
    const session = http2.connect(`https://127.0.0.1:${gateway.port('https')}`, {
      servername: 'www.example.com',
      ...trust(),
    });
    t.teardown(() => session.destroy());
    const status = async (headers: http2.OutgoingHttpHeaders): Promise<unknown> => {
      const request = session.request({ ':authority': 'www.example.com', ...headers });
      request.on('error', () => {});
      const [answer] = (await within('it is answered', once(request, 'response'))) as [
        http2.IncomingHttpHeaders,
      ];
      request.resume();
      return answer[':status'];
    };
    t.is(await status({ ':path': '/a/../b' }), 400);
    await t.throwsAsync(status({ ':path': '/', host: 'other.example.com' }), {
      message: /PROTOCOL_ERROR/,
    });
    await t.throwsAsync(status({ ':path': '/', ':authority': 'u@www.example.com' }), {
      message: /PROTOCOL_ERROR/,
    });
    t.is(await status({ ':path': '/', ':method': 'TRACE' }), 405);
    t.is(await status({ ':path': '/' }), 200);
  },
);

test.serial(
  'TLS ends, and what is inside reaches the service that the name leads to',
  async (t) => {
    const socket = tls.connect({
      port: gateway.port('tls'),
      host: '127.0.0.1',
      servername: 'www.example.com',
      ...trust(),
    });
    socket.end('hello');
    const chunks = (await within('it ends', socket.setEncoding('utf8').toArray())) as string[];
    t.is(chunks.join(''), 'hello');
    const other = tls.connect({
      port: gateway.port('tls'),
      host: '127.0.0.1',
      servername: 'a.shop.example.com',
      ...trust(),
    });
    await within('it is reset', once(other, 'error'));
  },
);

async function serialOf(listener: string): Promise<string | undefined> {
  const options = {
    servername: 'www.example.com',
    ...trust(),
    checkServerIdentity: () => undefined,
  };
  const socket = tls.connect({ port: gateway.port(listener), host: '127.0.0.1', ...options });
  await within('the handshake ends', once(socket, 'secureConnect'));
  const serial = socket.getPeerX509Certificate()?.serialNumber;
  socket.destroy();
  return serial;
}

const put = async (files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(gateway.directory, name), text);
  }
};

test.serial(
  'a certificate that is replaced is used, and one that cannot be used is not',
  async (t: ExecutionContext) => {
    const kept = http2.connect(`https://127.0.0.1:${gateway.port('new')}`, {
      servername: 'www.example.com',
      ...trust(),
    });
    t.teardown(() => kept.destroy());
    await within('it is connected', once(kept, 'connect'));
    const ended = once(kept, 'close');
    await put({ 'www.key': 'nonsense' });
    await gateway.gateway.reload();
    t.is(await serialOf('new'), www.leaf.serialNumber);
    t.regex(String(gateway.log.of('reload-refused').at(-1)?.msg), /www\.key is not the key of/);

    const next = authority.workload('edge', 'www', { dnsNames: ['www.example.com'] });
    await put(certificateFiles('www', next));
    await eventually('the next certificate is used', async () =>
      (await serialOf('new')) === next.leaf.serialNumber ? true : undefined,
    );
    await within('old connections are told to go elsewhere', ended);
    const metrics = await gateway.metrics();
    t.is(
      metrics.sum('hauberk_gateway_certificate_not_after_timestamp_seconds', { listener: 'new' }),
      Math.min(next.leaf.validToDate.getTime(), wild.leaf.validToDate.getTime()) / 1000,
    );
    t.true(metrics.sum('hauberk_gateway_reloads_total', { outcome: 'refused' }) > 0);
  },
);
