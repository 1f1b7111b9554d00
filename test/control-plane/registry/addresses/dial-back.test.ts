/** Dialling back: who is found, on real sockets. */
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import test from 'ava';
import { plusMs, systemClock } from '../../../../common/clock.ts';
import type { ExecutionContext } from 'ava';
import { RevocationList } from '../../../../common/pki/revocation.ts';
import { secureContextOptions } from '../../../../common/pki/tls-options.ts';
import { createDialBack } from '../../../../control-plane/registry/addresses/dial-back.ts';
import { costlyChain } from '../../../helpers/pki/costly-chain.ts';
import { eventually, within } from '../../../helpers/deadline.ts';
import { freePort } from '../../../helpers/machine/free-port.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { createTestAuthority, type TestWorkload } from '../../../helpers/mesh/test-authority.ts';

const mesh = createTestAuthority();
const api = mesh.workload('shop', 'api');

async function listening(t: ExecutionContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A sidecar's listener, as far as the handshake. */
function sidecar(
  t: ExecutionContext,
  workload: TestWorkload,
  options: TlsOptions = {},
): Promise<number> {
  const server = createServer({
    ...secureContextOptions({ ...workload, roots: [mesh.root.certificate] }),
    ALPNProtocols: ['h2'],
    requestCert: true,
    ...options,
  });
  server.on('tlsClientError', () => undefined);
  return listening(t, server);
}

function dialer(revocations = new RevocationList([])) {
  const clock = createManualClock();
  const dialBack = createDialBack({
    identity: () => mesh.workload('hauberk', 'control-plane'),
    bundle: () => mesh.bundle,
    revocations: () => revocations,
    clock,
  });
  const find = (hbonePort: number): Promise<boolean> =>
    within(
      'the dial ends',
      dialBack({ spiffeId: api.spiffeId.uri, address: '127.0.0.1', hbonePort }),
    );
  return { clock, find };
}

test('the identity is found where it is, and nothing is sent to it', async (t) => {
  let sent = 0;
  let shown: string | undefined;
  const ended = Promise.withResolvers<void>();
  const server = createServer({
    ...secureContextOptions({ ...api, roots: [mesh.root.certificate] }),
    ALPNProtocols: ['h2'],
    requestCert: true,
  });
  server.on('secureConnection', (socket) => {
    shown = socket.getPeerCertificate().subjectaltname;
    socket.on('data', (chunk: Buffer) => {
      sent += chunk.length;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => ended.resolve());
  });
  t.true(await dialer().find(await listening(t, server)));
  await within('it hangs up', ended.promise);
  t.is(sent, 0);
  t.regex(shown ?? '', /ns\/hauberk\/sa\/control-plane/);
});

test('another identity is not it', async (t) => {
  t.false(await dialer().find(await sidecar(t, mesh.workload('shop', 'web'))));
});

test('a certificate of another mesh is not it', async (t) => {
  t.false(await dialer().find(await sidecar(t, createTestAuthority().workload('shop', 'api'))));
});

test('a certificate that has expired or was revoked is not it', async (t) => {
  const old = mesh.workload('shop', 'api', { nowMs: Date.now() - 7_200_000 });
  t.false(await dialer().find(await sidecar(t, old)));
  const port = await sidecar(t, api);
  const revoked = { spiffeId: api.spiffeId.uri, serial: undefined, notBeforeMs: undefined };
  const list = new RevocationList([
    { ...revoked, expiresMs: plusMs(systemClock.epochMs(), 3_600_000) },
  ]);
  t.false(await dialer(list).find(port));
  t.true(await dialer().find(port));
});

test('a server of another protocol is not it', async (t) => {
  t.false(await dialer().find(await sidecar(t, api, { ALPNProtocols: ['http/1.1'] })));
  const port = await listening(
    t,
    createTcpServer((socket) => socket.on('error', () => undefined).end('220 smtp\r\n')),
  );
  t.false(await dialer().find(port));
});

test('where nobody listens it is not', async (t) => {
  t.false(await dialer().find(await freePort()));
});

test('a server that says nothing is given up', async (t) => {
  const { clock, find } = dialer();
  const silent = find(
    await listening(
      t,
      createTcpServer((socket) => void socket.resume()),
    ),
  );
  await eventually('the dial is timed', () => clock.pending.length > 0 || undefined);
  await clock.advance(3_000);
  t.false(await silent);
  // It may have been connected by then: its end is waited for, and not for long.
  await clock.advance(1_000);
  await eventually('nothing is timed any more', () => clock.pending.length === 0 || undefined);
});

test('an identity where certificates cost too much is not dialled again for a minute', async (t) => {
  const { find, clock } = dialer();
  const costly = await sidecar(t, api, costlyChain(2));
  t.false(await find(costly));
  const right = await sidecar(t, api);
  t.false(await find(right), 'it was not dialled');
  await clock.advance(60_000);
  t.true(await find(right));
});
