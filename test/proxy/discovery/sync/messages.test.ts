// What an older control plane leaves out, and what another one writes as zero, means the same.
import test from 'ava';
import { RevocationList } from '../../../../common/pki/revocation.ts';
import { type Revocation, SyncResponse } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { readResponse } from '../../../../proxy/discovery/sync/messages.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createTestAuthority } from '../../../helpers/test-authority.ts';

const WEB = 'spiffe://mesh.local/ns/shop/sa/web';
const { leaf } = createTestAuthority().workload('shop', 'web');

const wholeIdentity: Record<string, Revocation> = {
  'leaves the serial out': { spiffeId: WEB, expiresMs: 9 },
  'writes an empty serial': { spiffeId: WEB, serial: '', notBeforeMs: 0, expiresMs: 9 },
};

for (const [what, revocation] of Object.entries(wholeIdentity)) {
  test(`a revocation that ${what} is of every certificate of the identity`, (t) => {
    const revocations = { revocations: [revocation] };
    const value = {
      endpoints: [],
      bundle: undefined,
      federated: undefined,
      complete: undefined,
      departed: [],
      policy: undefined,
    };
    const sent = SyncResponse.encode({
      version: 1,
      change: { $case: 'snapshot', value: { ...value, revocations } },
    }).finish();
    const { logger } = createLogRecorder();
    const update = readResponse(SyncResponse.decode(sent), { logger, trustDomain: 'mesh.local' });
    t.is(new RevocationList(update?.revocations ?? []).find(WEB, leaf)?.spiffeId, WEB);
    t.is(update?.revocations[0]?.serial, undefined);
  });
}
