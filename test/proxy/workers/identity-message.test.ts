// Workers judge peers by everything that the primary is told, and by nothing more.
import test from 'ava';
import type { EpochMs } from '../../../common/clock.ts';
import { ageMs, momentOf } from '../../../common/dates.ts';
import { RevocationList } from '../../../common/pki/revocation.ts';
import type { WorkloadIdentity } from '../../../proxy/identity/source.ts';
import { fromIdentityMessage, toIdentityMessage } from '../../../proxy/workers/identity-message.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

test('an identity arrives at a worker with all of its trust, and as old as it is', async (t) => {
  const [primary, worker] = [createManualClock(), createManualClock()];
  await primary.advance(60_000);
  const authority = createTestAuthority();
  const root = () => createTestAuthority().root.certificate;
  const { spiffeId, privateKey, chain } = authority.workload('shop', 'web');
  const expiresMs = 1 as EpochMs;
  const revocation = { spiffeId: spiffeId.uri, serial: 'ab', notBeforeMs: undefined, expiresMs };
  const identity: WorkloadIdentity = {
    spiffeId,
    privateKey,
    chain,
    bundle: {
      ...authority.bundle,
      withdrawn: [root()],
      added: [root(), root()],
      revocations: new RevocationList([revocation]),
      federated: new Map([
        ['partner.example', [root()]],
        ['third.example', [root(), root()]],
      ]),
    },
    received: momentOf(primary),
    lifetimeMs: 7,
  };
  await primary.advance(5_000);
  await worker.advance(65_000);
  // The monotonic clocks of two processes begin at different moments.
  await worker.advance(1_000_000);
  worker.step(-1_000_000);
  const message = structuredClone(toIdentityMessage(identity, 'bundle', primary));
  const arrived = fromIdentityMessage(message, worker);
  t.is(ageMs(worker, arrived.received), 5_000);
  const plain = ({
    bundle,
    chain: shown,
    privateKey: key,
    received,
    ...rest
  }: WorkloadIdentity) => ({
    ...rest,
    receivedMs: received.epochMs,
    key: key.export({ type: 'pkcs8', format: 'pem' }),
    chain: shown.map(String),
    bundle: {
      ...bundle,
      roots: bundle.roots.map(String),
      withdrawn: bundle.withdrawn?.map(String),
      added: bundle.added?.map(String),
      revocations: bundle.revocations?.all,
      federated: [...(bundle.federated ?? [])].map(([name, roots]) => [name, roots.map(String)]),
    },
  });
  t.deepEqual(plain(arrived), plain(identity));
});
