// Workers judge peers by everything that the primary is told, and by nothing more.
import test from 'ava';
import { RevocationList } from '../../../common/pki/revocation.ts';
import type { WorkloadIdentity } from '../../../proxy/identity/source.ts';
import { fromIdentityMessage, toIdentityMessage } from '../../../proxy/workers/identity-message.ts';
import { createTestAuthority } from '../../helpers/test-authority.ts';

test('an identity arrives at a worker with all of its trust', (t) => {
  const authority = createTestAuthority();
  const root = () => createTestAuthority().root.certificate;
  const { spiffeId, privateKey, chain } = authority.workload('shop', 'web');
  const revocation = { spiffeId: spiffeId.uri, serial: 'ab', notBeforeMs: undefined, expiresMs: 1 };
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
    receivedMs: 5,
    lifetimeMs: 7,
  };
  const arrived = fromIdentityMessage(structuredClone(toIdentityMessage(identity, 'bundle')));
  const plain = ({ bundle, chain: shown, privateKey: key, ...rest }: WorkloadIdentity) => ({
    ...rest,
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
