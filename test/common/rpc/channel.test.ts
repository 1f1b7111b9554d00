import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import test from 'ava';
import { formatHostPort } from '../../../common/network/listen.ts';
import { controlPlaneId } from '../../../common/pki/spiffe-id.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { createChannel, type ChannelSettings } from '../../../common/rpc/channel.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { IdentityClient, type IssueResponse } from '../../../proto/gen/hauberk/v1/identity.ts';
import { within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { serverIdentity, startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const workload = authority.workload('shop', 'web');

async function callIssue(how: ChannelSettings): Promise<IssueResponse> {
  const channel = createChannel(how);
  const request = {
    csr: createCsr(generatePrivateKey()),
    joinToken: '',
    spiffeId: workload.spiffeId.uri,
    lifetimeSeconds: 0,
  };
  const answer = new Promise<IssueResponse>((resolve, reject) => {
    channel
      .client(IdentityClient)
      .issue(request, (error, response) =>
        error === null ? resolve(response) : reject(channel.explain(error)),
      );
  });
  try {
    return await within('an answer to Issue', answer);
  } finally {
    channel.close();
  }
}

function settings(port: number, more: Partial<ChannelSettings> = {}): ChannelSettings {
  return {
    address: { host: '127.0.0.1', port },
    trustDomain: 'mesh.local',
    roots: [authority.root.certificate],
    ...more,
  };
}

for (const host of ['127.0.0.1', 'localhost']) {
  test(`calls the control plane at ${host}, anonymously and as a workload`, async (t) => {
    await using controlPlane = await startTestControlPlane({ authority });
    const address = { host, port: controlPlane.port };
    await callIssue(settings(controlPlane.port, { address }));
    await callIssue(settings(controlPlane.port, { address, identity: workload }));
    t.deepEqual(
      controlPlane.issues.map(({ caller }) => caller.kind),
      ['anonymous', 'workload'],
    );
    const caller = controlPlane.issues[1]?.caller;
    t.is(caller?.kind === 'workload' ? caller.spiffeId.uri : '', workload.spiffeId.uri);
  });
}

test('a trusted server with another identity is refused before anything is sent', async (t) => {
  const identity = serverIdentity(authority, 'web');
  await using imposter = await startTestControlPlane({ authority, identity });
  const error = await t.throwsAsync(callIssue(settings(imposter.port)), { instanceOf: RpcError });
  t.is(error.code, 'server-identity');
  t.true(error.message.includes(controlPlaneId('mesh.local').uri));
  t.true(error.message.includes('spiffe://mesh.local/ns/hauberk/sa/web'));
  t.deepEqual(imposter.issues, []);
});

test('a server of another mesh is not trusted', async (t) => {
  await using foreign = await startTestControlPlane();
  const error = await t.throwsAsync(callIssue(settings(foreign.port)), { instanceOf: RpcError });
  t.is(error.code, 'server-untrusted');
  t.deepEqual(foreign.issues, []);
});

test('a server whose certificate has expired is not trusted', async (t) => {
  const old = authority.workload('hauberk', 'control-plane', {
    nowMs: Date.now() - 7_200_000,
    lifetimeMs: 60_000,
  });
  const identity = {
    privateKey: old.privateKey,
    chain: [...old.chain, authority.root.certificate],
    roots: [authority.root.certificate],
  };
  await using expired = await startTestControlPlane({ authority, identity });
  const error = await t.throwsAsync(callIssue(settings(expired.port)), { instanceOf: RpcError });
  t.is(error.code, 'server-untrusted');
  t.regex(error.message, /expired/);
});

test('nobody at the port is unreachable, and says where', async (t) => {
  const port = await freePort();
  const error = await t.throwsAsync(callIssue(settings(port)), { instanceOf: RpcError });
  t.is(error.code, 'unreachable');
  const at = `127.0.0.1:${port}`;
  t.is(error.message, `the control plane at ${at} cannot be reached (connect ECONNREFUSED ${at})`);
});

test('a refusal arrives with its reason, its hint and the time of the server', async (t) => {
  await using controlPlane = await startTestControlPlane({ authority, now: () => 1_234 });
  controlPlane.refusal = 'token-revoked';
  const error = await t.throwsAsync(callIssue(settings(controlPlane.port)), {
    instanceOf: RpcError,
  });
  t.is(error.code, 'token-revoked');
  t.is(error.message, 'refused: token-revoked');
  t.is(error.hint, 'what to do about token-revoked');
  t.is(error.serverTimeMs, 1_234);
});

test('an address is written with brackets where it needs them', (t) => {
  t.is(formatHostPort('::1', 1), '[::1]:1');
  t.is(formatHostPort('127.0.0.1', 1), '127.0.0.1:1');
  t.is(formatHostPort('control-plane', 1), 'control-plane:1');
});

test('a channel to a server that accepts and says nothing leaves no connection behind', async (t) => {
  const server = createServer((socket) => void socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const channel = createChannel(settings(port));
  t.false(await channel.connects(500));
  const [socket] = await within('the connection to be accepted', accepted);
  const closed = once(socket.resume(), 'close');
  channel.close();
  await within('the connection to end', closed);
  server.close();
});

test('whether a channel connects is told before anything is called', async (t) => {
  await using controlPlane = await startTestControlPlane({ authority });
  const channel = createChannel(settings(controlPlane.port));
  t.true(await channel.connects(30_000));
  channel.close();
  await using foreign = await startTestControlPlane();
  const refused = createChannel(settings(foreign.port));
  t.false(await refused.connects(30_000));
  refused.close();
});
