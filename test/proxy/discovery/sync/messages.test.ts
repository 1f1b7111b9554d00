// What an older control plane leaves out, and what another one writes as zero, means the same; what only a newer one
// knows is ignored.
import test from 'ava';
import { RevocationList } from '../../../../common/pki/revocation.ts';
import { type Revocation, SyncResponse } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { readResponse } from '../../../../proxy/discovery/sync/messages.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

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

/** A field that no version has: number 2,000, of two bytes (Protocol Buffers, "Encoding"). */
const UNKNOWN_FIELD = Buffer.from([0x82, 0x7d, 0x02, 0x2a, 0x2a]);

test('a field that this version does not know changes nothing', (t) => {
  const { logger, lines } = createLogRecorder();
  const value = {
    upserted: [],
    removed: ['api-1'],
    bundle: undefined,
    federated: undefined,
    revocations: undefined,
    policy: undefined,
    complete: undefined,
    departed: [],
  };
  const known = SyncResponse.encode({ version: 4, change: { $case: 'delta', value } }).finish();
  const newer = SyncResponse.decode(Buffer.concat([known, UNKNOWN_FIELD]));
  const settings = { logger, trustDomain: 'mesh.local' };
  t.is(newer.version, 4);
  t.deepEqual(readResponse(newer, settings), readResponse(SyncResponse.decode(known), settings));
  t.deepEqual(lines, []);
});

test('a kind of change that this version does not know is no update', (t) => {
  const { logger, lines } = createLogRecorder();
  const newer = SyncResponse.decode(UNKNOWN_FIELD);
  t.is(readResponse(newer, { logger, trustDomain: 'mesh.local' }), undefined);
  t.deepEqual(lines, []);
});
