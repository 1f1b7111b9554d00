import test from 'ava';
import { createChannel } from '../../../common/rpc/channel.ts';
import type { Caller } from '../../../common/rpc/peer.ts';
import { DiscoveryClient } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { FROM_NOTHING, helloMessage } from '../../../proxy/discovery/sync/messages.ts';
import { createTestAuthority, type TestWorkload } from '../../helpers/mesh/test-authority.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const MINUTE_MS = 60_000;

async function callerSeen(
  identity: Pick<TestWorkload, 'privateKey' | 'chain'> | undefined,
  now: () => number = Date.now,
): Promise<Caller> {
  await using controlPlane = await startTestControlPlane({ authority, now });
  const channel = createChannel({
    address: controlPlane,
    trustDomain: 'mesh.local',
    roots: [authority.root.certificate],
    ...(identity === undefined ? {} : { identity }),
  });
  const call = channel.client(DiscoveryClient).sync();
  call.on('error', () => {});
  const hello = { instanceId: 'a', softwareVersion: '1', allow: [] };
  call.write(
    helloMessage(hello, { addresses: [], hbonePort: 0, ports: [], anyPort: false }, FROM_NOTHING),
  );
  const { caller } = await controlPlane.nextStream();
  call.cancel();
  channel.close();
  return caller;
}

test('a workload is known by its certificate', async (t) => {
  const workload = authority.workload('shop', 'web');
  const caller = await callerSeen(workload);
  if (caller.kind !== 'workload') return t.fail(`expected a workload, got ${caller.kind}`);
  t.deepEqual(caller.spiffeId, workload.spiffeId);
  t.true(caller.certificate.raw.equals(workload.leaf.raw));
});

test('without a certificate the caller is anonymous', async (t) => {
  t.deepEqual(await callerSeen(undefined), { kind: 'anonymous' });
});

test('a certificate from another authority proves nothing', async (t) => {
  const foreign = createTestAuthority().workload('shop', 'web');
  t.deepEqual(await callerSeen(foreign), { kind: 'untrusted', reason: 'certificate-untrusted' });
});

test('an expired certificate proves nothing', async (t) => {
  const nowMs = Date.now() - 2 * MINUTE_MS;
  const expired = authority.workload('shop', 'web', { nowMs, lifetimeMs: MINUTE_MS });
  const caller = await callerSeen(expired);
  t.like(caller, { kind: 'untrusted', reason: 'certificate-expired' });
});

test('one that expires while its connection is open proves nothing any more', async (t) => {
  const workload = authority.workload('shop', 'web');
  const afterwards = workload.leaf.validToDate.getTime() + 1;
  const caller = await callerSeen(workload, () => afterwards);
  t.like(caller, { kind: 'untrusted', reason: 'certificate-expired' });
});

const WEB = 'spiffe://mesh.local/ns/shop/sa/web';
const odd = {
  'san-missing': [oddName.dns('web')],
  'san-multiple': [oddName.uri(WEB), oddName.uri(WEB)],
  'spiffe-id': [oddName.uri('spiffe://mesh.local/web')],
} as const;

for (const [reason, altNames] of Object.entries(odd)) {
  test(`a trusted certificate with odd names proves nothing: ${reason}`, async (t) => {
    const { chain, privateKey } = oddCertificate(authority.issuer, { altNames });
    const caller = await callerSeen({ chain, privateKey });
    t.is<string, string>(caller.kind === 'untrusted' ? caller.reason : caller.kind, reason);
  });
}
