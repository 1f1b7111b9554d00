// First contact over one connection: the token is sent to a server that leads to the pinned root, and nothing to any other.
// What OpenSSL refuses as the certificate of a server is refused here too: the odd ones are made by openssl.
import { createServer, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { systemClock, type EpochMs } from '../../../common/clock.ts';
import { crossSign } from '../../../common/pki/authority.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { createChannel } from '../../../common/rpc/channel.ts';
import type { PinnedTrust } from '../../../common/rpc/pin.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { IdentityService, type IssueResponse } from '../../../proto/gen/hauberk/v1/identity.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { serverIdentity, startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';
import { createDatedCertificates } from '../../helpers/pki/dated-certificates.ts';
import { makeOddPath, makeRoot, ODD_PATHS, WEAK_PATHS } from '../../helpers/pki/odd-paths.ts';

const test = requires('openssl');
const CONTROL_PLANE = 'spiffe://mesh.local/ns/hauberk/sa/control-plane';
const authority = createTestAuthority();
const digest = rootDigest(authority.root.certificate);

/** What a sidecar sends at first contact. */
async function issueAt(port: number, pinned: Partial<PinnedTrust> = {}): Promise<IssueResponse> {
  const channel = createChannel({
    address: { host: '127.0.0.1', port },
    trustDomain: 'mesh.local',
    roots: [],
    pinned: { rootDigest: digest, clock: systemClock, ...pinned },
  });
  const request = {
    csr: createCsr(generatePrivateKey()),
    joinToken: 'secret',
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
    lifetimeSeconds: 0,
  };
  try {
    return await channel.call(IdentityService.issue, request, { timeoutMs: 5_000 });
  } finally {
    channel.close();
  }
}

async function refusal(t: ExecutionContext, answer: Promise<unknown>): Promise<string> {
  return (await t.throwsAsync(answer, { instanceOf: RpcError })).code;
}

test('a server below the pinned root is asked', async (t) => {
  await using controlPlane = await startTestControlPlane({ authority });
  await t.notThrowsAsync(issueAt(controlPlane.port));
  t.is(controlPlane.issues[0]?.request.joinToken, 'secret');
});

test('a server of another root is not', async (t) => {
  await using controlPlane = await startTestControlPlane();
  t.is(await refusal(t, issueAt(controlPlane.port)), 'token-wrong-root');
  t.deepEqual(controlPlane.issues, []);
});

test('a former root that is pinned is good while it vouches for the present one, by a signature of its own', async (t) => {
  const present = createTestAuthority();
  const { certificate } = present.root;
  const dated = { trustDomain: 'mesh.local', nowMs: Date.now() };
  for (const signer of [authority.root, createTestAuthority().root]) {
    const identity = {
      ...serverIdentity(present),
      crossSignatures: [crossSign(signer, certificate, dated)],
      // Shown in any case: everybody can.
      formerRoots: [authority.root.certificate],
    };
    await using controlPlane = await startTestControlPlane({ authority: present, identity });
    const answer = issueAt(controlPlane.port);
    if (signer === authority.root) await t.notThrowsAsync(answer);
    else t.is(await refusal(t, answer), 'server-untrusted');
    t.is(controlPlane.issues.length, signer === authority.root ? 1 : 0);
  }
});

test('a workload below the pinned root is not asked', async (t) => {
  const identity = serverIdentity(authority, 'web');
  await using imposter = await startTestControlPlane({ authority, identity });
  t.is(await refusal(t, issueAt(imposter.port)), 'server-identity');
  t.deepEqual(imposter.issues, []);
});

test('a server whose certificate is not valid by the clock is not asked', async (t) => {
  await using controlPlane = await startTestControlPlane({ authority });
  for (const aheadMs of [-365, 365].map((days) => days * 86_400_000)) {
    const clock = { epochMs: () => (Date.now() + aheadMs) as EpochMs };
    t.is(await refusal(t, issueAt(controlPlane.port, { clock })), 'server-untrusted');
  }
  t.deepEqual(controlPlane.issues, []);
});

for (const [what, odd] of Object.entries({ ...ODD_PATHS, ...WEAK_PATHS, nothing: {} })) {
  test(`nothing is sent to a server unless it may be one: ${what}`, async (t) => {
    const certificates = await createDatedCertificates(t);
    await makeRoot(certificates);
    const path = await makeOddPath(certificates, odd, { uri: CONTROL_PLANE, isExpired: false });
    const { chain: roots } = await certificates.credentials('root');
    const chain = [...path.chain, ...roots];
    const server = createServer({
      ...secureContextOptions({ ...path, chain, roots }),
      // OpenSSL would not show some of them.
      ciphers: 'DEFAULT@SECLEVEL=0',
      ALPNProtocols: ['h2'],
    });
    let sent = 0;
    server.on('secureConnection', (socket: TLSSocket) => {
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => {
        sent += bytes.length;
        socket.destroy();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [root] = roots;
    const pinned = { rootDigest: root === undefined ? '' : rootDigest(root) };
    const code = await refusal(t, issueAt(port, pinned));
    const mayServe = what === 'nothing' || what.endsWith('for servers only');
    // No HTTP/2 is spoken there.
    t.is(code, mayServe ? 'unreachable' : 'server-untrusted');
    t.is(sent > 0, mayServe);
    server.close();
  });
}
