import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import test from 'ava';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { HotServerCredentials } from '../../../common/rpc/server-credentials.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { serverIdentity, startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';
import { NO_REPORT } from '../../../common/wire/report.ts';
import { createChannel } from '../../../common/rpc/channel.ts';
import { DiscoveryClient } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { FROM_NOTHING, helloMessage } from '../../../proxy/discovery/sync/messages.ts';

const authority = createTestAuthority();
const NOWHERE = { addresses: [], hbonePort: 0, ports: [], anyPort: false };
const REPORT = { ...NO_REPORT, certificateSerial: 'after-reload' };

async function handshake(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: '',
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
    ...options,
  });
  await within('a TLS handshake', once(socket, 'secureConnect'));
  return socket;
}

async function serialShown(port: number): Promise<string | undefined> {
  const socket = await handshake(port);
  const serial = socket.getPeerX509Certificate()?.serialNumber;
  socket.destroy();
  return serial;
}

test('a new certificate is shown to new connections, and open streams live on', async (t) => {
  await using controlPlane = await startTestControlPlane({ authority });
  const workload = authority.workload('shop', 'web');
  const channel = createChannel({
    address: controlPlane,
    trustDomain: 'mesh.local',
    roots: [authority.root.certificate],
    identity: workload,
  });
  const call = channel.client(DiscoveryClient).sync();
  call.on('error', () => {});
  call.write(
    helloMessage({ instanceId: 'a', softwareVersion: '1', allow: [] }, NOWHERE, FROM_NOTHING),
  );
  const stream = await controlPlane.nextStream();

  const before = await serialShown(controlPlane.port);
  await controlPlane.credentials.reload(serverIdentity(authority));
  const after = await serialShown(controlPlane.port);
  t.truthy(before);
  t.truthy(after);
  t.not(after, before);

  call.write({ message: { $case: 'report', value: REPORT } });
  await stream.until(
    'a report over the old connection',
    ({ message }) => message?.$case === 'report',
  );
  call.cancel();
  channel.close();
});

test('what does not fit together is refused at once, and what was in use stays', async (t) => {
  await using controlPlane = await startTestControlPlane({ authority });
  const good = serverIdentity(authority);
  const [leaf, issuer, root] = good.chain;
  if (leaf === undefined || issuer === undefined || root === undefined) throw new Error('chain');
  const foreignRoot = createTestAuthority().root.certificate;
  const bad = {
    'another key': { ...good, privateKey: generatePrivateKey() },
    'no chain': { ...good, chain: [] },
    'no root at its end': { ...good, chain: [leaf, issuer] },
    'a gap': { ...good, chain: [leaf, root] },
    'another root of the same name': { ...good, chain: [leaf, issuer, foreignRoot] },
  };
  const before = await serialShown(controlPlane.port);
  for (const [what, identity] of Object.entries(bad)) {
    const error = await t.throwsAsync(controlPlane.credentials.reload(identity), {
      instanceOf: RpcError,
    });
    t.is(error.code, 'credentials-invalid', what);
    t.throws(() => new HotServerCredentials(identity), { instanceOf: RpcError }, what);
  }
  t.is(await serialShown(controlPlane.port), before);
});

for (const when of ['at first', 'after a reload']) {
  test(`TLS 1.3 with the hybrid group, and never resumed, ${when}`, async (t) => {
    await using controlPlane = await startTestControlPlane({ authority });
    if (when === 'after a reload') await controlPlane.credentials.reload(serverIdentity(authority));
    const { port } = controlPlane;
    const socket = await handshake(port);
    const [session] = (await within('a session', once(socket, 'session'))) as [Buffer];
    t.is(socket.getProtocol(), 'TLSv1.3');
    socket.destroy();

    // OpenSSL still hands out the handle of a session, but nobody has kept the session.
    const again = await handshake(port, { session });
    t.false(again.isSessionReused());
    again.destroy();

    const group = await handshake(port, { ecdhCurve: 'X25519MLKEM768' });
    group.destroy();
    const old = connect({
      host: '127.0.0.1',
      port,
      maxVersion: 'TLSv1.2',
      rejectUnauthorized: false,
    });
    const [error] = (await within('TLS 1.2 to be refused', once(old, 'error'))) as [Error];
    t.regex(error.message, /protocol version/);
  });
}
