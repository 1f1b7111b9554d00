// Envoy as the other end of HBONE, both ways round, with certificates of our authority. Its binary is
// in no distribution: `npm run test:peers` fetches it, and runs these (docs/http2.md).
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { toPem } from '../../../common/pki/pem.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { startEnvoy } from '../../helpers/servers/envoy.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { requiresPeer } from '../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import type { TestAuthority } from '../../helpers/mesh/test-authority.ts';
import { envoyClient, envoyServer } from './envoy-config.ts';
import type { EnvoyTls } from './envoy-config.ts';
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

const BODY = Buffer.alloc(3_000_000, 'hauberk ');

const withEnvoy = requiresPeer('envoy').serial;

withEnvoy('Envoy as a client carries connections through our listener', async (t) => {
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  const outcomes: string[] = [];
  const app = await startApp(t, (socket) => {
    void readAll(socket).then((body) => socket.end(body));
  });
  const listener = await api.listen(serveApp(app.port, outcomes));
  const port = await freePort();
  const tls = tlsFiles(t, authority, 'web', 'api');
  await startEnvoy(t, envoyClient(port, listener.port, '10.0.0.1:80', tls), port);
  for (let round = 0; round < 3; round += 1) t.true(await echo(port));
  // The connection that asked whether Envoy listens went through too.
  const complete = (): number => outcomes.filter((outcome) => outcome === 'complete').length;
  await eventually('the outcomes', () => complete() >= 3 || undefined);
  t.is(listener.openTunnels, 1, 'all of them in one tunnel');
});

withEnvoy('Envoy as a server carries connections of our dial', async (t) => {
  const authority = createTestAuthority();
  const web = createEngine(t, createIdentity(authority, 'web'), {
    limits: { handshakeTimeoutMs: 30_000 },
  });
  const app = await startApp(t, (socket) => {
    void readAll(socket).then((body) => socket.end(body));
  });
  const port = await freePort();
  const tls = tlsFiles(t, authority, 'api', 'web');
  await startEnvoy(t, envoyServer(port, app.port, tls), port);
  const tunnel = await web.dial(targetOf({ port }, createIdentity(authority, 'api')));
  t.teardown(() => tunnel.destroy('forced'));
  for (let round = 0; round < 3; round += 1) {
    const { app: client, side } = await socketPair(t);
    const stream = await within('the stream', tunnel.open('10.0.0.1:80'));
    const outcome = relaySocket(stream, side);
    client.end(BODY);
    t.true((await within('the echo', readAll(client))).equals(BODY));
    t.is(await outcome, 'complete');
  }
  t.is(tunnel.openStreams, 0);
});

withEnvoy(
  'a server behind Envoy that speaks first and ends at once is heard in full',
  async (t) => {
    const authority = createTestAuthority();
    const web = createEngine(t, createIdentity(authority, 'web'), {
      limits: { handshakeTimeoutMs: 30_000 },
    });
    const app = await startApp(t, (socket) => socket.end('hello'));
    const port = await freePort();
    await startEnvoy(t, envoyServer(port, app.port, tlsFiles(t, authority, 'api', 'web')), port);
    const tunnel = await web.dial(targetOf({ port }, createIdentity(authority, 'api')));
    t.teardown(() => tunnel.destroy('forced'));
    for (let round = 0; round < 20; round += 1) {
      const { app: client, side } = await socketPair(t);
      const stream = await within('the stream', tunnel.open('10.0.0.1:80'));
      const outcome = relaySocket(stream, side);
      t.is((await within('the greeting', readAll(client))).toString(), 'hello');
      client.end();
      t.is(await outcome, 'complete');
    }
  },
);

test('Envoy is asked for mutual TLS 1.3, and to hold our identity to what it expects', (t) => {
  const tls = {
    certificate: 'chain.pem',
    key: 'key.pem',
    ca: 'ca.pem',
    peer: 'spiffe://mesh.local/x',
  };
  for (const config of [envoyClient(1, 2, 'a:1', tls), envoyServer(1, 2, tls)]) {
    const text = JSON.stringify(config);
    t.regex(text, /"tls_minimum_protocol_version":"TLSv1_3"/);
    t.regex(text, /"matcher":\{"exact":"spiffe:\/\/mesh.local\/x"\}/);
  }
  t.regex(JSON.stringify(envoyServer(1, 2, tls)), /"require_client_certificate":true/);
});

/** Sends the body through a port, and says whether it came back whole. */
async function echo(port: number): Promise<boolean> {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(BODY);
  return (await within('the echo', readAll(socket))).equals(BODY);
}

function tlsFiles(
  t: ExecutionContext,
  authority: TestAuthority,
  own: string,
  peer: string,
): EnvoyTls {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-envoy-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  const { chain, privateKey } = authority.workload('shop', own, { nowMs: Date.now() });
  return {
    certificate: write('chain.pem', toPem(chain)),
    key: write('key.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()),
    ca: write('ca.pem', authority.root.certificate.toString()),
    peer: authority.workload('shop', peer).spiffeId.uri,
  };
}
