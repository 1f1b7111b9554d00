import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { toPem } from '../../../common/pki/pem.ts';
import { TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import type { RefusalStatus } from '../../../proxy/tunnel/tunnel.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { answerOf, foreignSession, tlsOptions } from './foreign-peer.ts';
import {
  createEngine,
  createIdentity,
  readAll,
  relaySocket,
  serveApp,
  socketPair,
  startApp,
  targetOf,
} from './harness.ts';

test('a foreign client carries a connection through our listener, half-close and all', async (t) => {
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  const app = await startApp(t, (socket) => {
    void readAll(socket).then((body) => socket.end(`got ${body.toString()}`));
  });
  const outcomes: string[] = [];
  const listener = await api.listen(serveApp(app.port, outcomes));
  const web = tlsOptions(authority, authority.workload('shop', 'web'));
  const session = await foreignSession(t, listener.port, web);
  const stream = session.request(
    { ':method': 'CONNECT', ':authority': `127.0.0.1:${app.port}`, baggage: 'k=v' },
    { endStream: false },
  );
  t.is(await within('the answer', answerOf(stream)), '200');
  stream.end('hello');
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await within('the end of the stream', once(stream, 'end'));
  t.is(Buffer.concat(chunks).toString(), 'got hello');
  await eventually('the outcome', () => outcomes[0]);
  t.deepEqual(outcomes, ['complete']);
  const { maxConcurrentStreams, initialWindowSize } = session.remoteSettings;
  t.deepEqual(
    { maxConcurrentStreams, initialWindowSize },
    {
      maxConcurrentStreams: 1_000,
      initialWindowSize: 65_535,
    },
  );
});

test('a foreign client that resets, by whatever code, resets the application', async (t) => {
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  const seen: string[] = [];
  const app = await startApp(t, (socket) => {
    socket.on('error', (error: NodeJS.ErrnoException) => seen.push(String(error.code)));
    socket.on('end', () => seen.push('end'));
    socket.resume();
  });
  const listener = await api.listen(serveApp(app.port));
  const web = tlsOptions(authority, authority.workload('shop', 'web'));
  const session = await foreignSession(t, listener.port, web);
  for (const code of [2, 8, 10]) {
    const stream = session.request(
      { ':method': 'CONNECT', ':authority': '127.0.0.1:80' },
      { endStream: false },
    );
    await within('the answer', answerOf(stream));
    // As a client that drops the stream would: RST_STREAM, and no END_STREAM before it.
    stream._final = (callback) => callback();
    stream.close(code);
    const before = seen.length;
    await eventually(`the end of the application's connection for ${code}`, () =>
      seen.length > before ? true : undefined,
    );
  }
  t.deepEqual(seen, ['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
});

for (const [status, code] of [
  [400, 'not-exposed'],
  [401, 'denied'],
  [503, 'app-unreachable'],
] as const satisfies [RefusalStatus, string][]) {
  test(`a refusal with ${status} is told as ${code}, and the tunnel lives on`, async (t) => {
    const authority = createTestAuthority();
    const web = createEngine(t, createIdentity(authority, 'web'));
    const api = createEngine(t, createIdentity(authority, 'api'));
    const peers: string[] = [];
    const listener = await api.listen((stream) => {
      peers.push(`${stream.peer.uri} ${stream.authority}`);
      if (stream.authority.endsWith(':1')) stream.refuse(status);
      else stream.accept();
    });
    const tunnel = await web.dial(targetOf(listener, api.identity));
    t.teardown(() => tunnel.destroy('forced'));
    const error = await within('the refusal', t.throwsAsync(tunnel.open('127.0.0.1:1')));
    t.true(error instanceof TunnelError);
    t.like(error, { code });
    (await within('the stream beside it', tunnel.open('127.0.0.1:2'))).reset();
    await eventually('the end of both', () => tunnel.openStreams === 0 || undefined);
    const uri = 'spiffe://mesh.local/ns/shop/sa/web';
    t.deepEqual(peers, [`${uri} 127.0.0.1:1`, `${uri} 127.0.0.1:2`]);
  });
}

/** An HBONE server that is nothing but node:http2. */
async function foreignServer(t: ExecutionContext, onStream: (stream: ServerHttp2Stream) => void) {
  const authority = createTestAuthority();
  const api = authority.workload('shop', 'api');
  const server = createSecureServer({
    key: api.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem(api.chain),
    ca: authority.root.certificate.toString(),
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('connect', () => {});
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    onStream(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const web = createEngine(t, createIdentity(authority, 'web'));
  const port = (server.address() as AddressInfo).port;
  const tunnel = await web.dial({ address: '127.0.0.1', port, expect: api.spiffeId });
  t.teardown(() => tunnel.destroy('forced'));
  return tunnel;
}

test('our dial carries a connection through a foreign server', async (t) => {
  const tunnel = await foreignServer(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  const { app, side } = await socketPair(t);
  const stream = await within('the stream', tunnel.open('127.0.0.1:80'));
  const outcome = relaySocket(stream, side);
  app.end('echo');
  t.is((await within('the echo', readAll(app))).toString(), 'echo');
  t.is(await outcome, 'complete');
});

test('a foreign server that answers nonsense, or resets, is told apart', async (t) => {
  const answers: ((stream: ServerHttp2Stream) => void)[] = [
    (stream) => stream.respond({ ':status': 302 }, { endStream: true }),
    (stream) => stream.close(7),
    (stream) => stream.close(10),
    (stream) => stream.close(1),
  ];
  const tunnel = await foreignServer(t, (stream) => answers.shift()?.(stream));
  const codes: unknown[] = [];
  while (answers.length > 0) {
    const error = await within('the refusal', t.throwsAsync(tunnel.open('127.0.0.1:80')));
    codes.push(error instanceof TunnelError && error.code);
  }
  t.deepEqual(codes, ['protocol', 'refused-stream', 'app-unreachable', 'protocol']);
});

test('interim answers of a foreign server are not the answer', async (t) => {
  const tunnel = await foreignServer(t, (stream) => {
    stream.additionalHeaders({ ':status': 103 });
    stream.respond({ ':status': 200 });
  });
  const stream = await within('the answer', tunnel.open('127.0.0.1:80'));
  t.is(tunnel.openStreams, 1);
  stream.reset();
});

test('openssl completes the handshake with a certificate, and is told by an alert without one', async (t) => {
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  const listener = await api.listen(() => {});
  const dir = mkdtempSync(join(tmpdir(), 'hauberk-openssl-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const web = authority.workload('shop', 'web');
  const file = (name: string, text: string | Buffer): string => {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const own = [
    '-cert',
    file('web.pem', toPem(web.chain)),
    '-cert_chain',
    file('chain.pem', authority.issuer.certificate.toString()),
    '-key',
    file('web-key.pem', web.privateKey.export({ type: 'pkcs8', format: 'pem' })),
  ];
  const ca = file('ca.pem', authority.root.certificate.toString());
  const run = async (args: readonly string[]): Promise<string> => {
    const connectTo = ['-connect', `127.0.0.1:${listener.port}`, '-alpn', 'h2', '-noservername'];
    const child = spawn('openssl', ['s_client', ...connectTo, '-CAfile', ca, '-brief', ...args]);
    t.teardown(() => child.kill());
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.stdin.on('error', () => {});
    const exited = once(child, 'close');
    if (args.length > 0) {
      await eventually('the tunnel', () => listener.openTunnels === 1 || undefined);
      child.stdin.end();
    }
    await within('the end of openssl', exited);
    return Buffer.concat(output).toString('latin1');
  };
  const welcome = await run(own);
  t.regex(welcome, /Verification: OK/);
  t.regex(welcome, /Protocol version: TLSv1.3/);
  const refused = await run([]);
  t.regex(refused, /alert certificate required/);
  t.notRegex(refused, /HTTP/);
  const line = api.lines.find(({ event }) => event === 'handshake-refused');
  t.is(line?.['reason'], 'certificate-missing');
});
