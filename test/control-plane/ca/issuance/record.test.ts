// Which certificate an entry of the log is about: that one, and none that looks like it.
import test from 'ava';
import type { EpochMs } from '../../../../common/clock.ts';
import { fingerprintOf, isRecordOf } from '../../../../control-plane/ca/issuance/record.ts';
import { serialOf } from '../../../../common/pki/revocation.ts';
import { createTestAuthority } from '../../../helpers/mesh/test-authority.ts';

test('an entry is about the certificate with its serial number and fingerprint', (t) => {
  const { workload } = createTestAuthority();
  const [leaf, other] = [workload('shop', 'web').leaf, workload('shop', 'web').leaf];
  const entry = {
    serial: serialOf(leaf),
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
    issuedMs: 0 as EpochMs,
    notAfterMs: leaf.validToDate.getTime() as EpochMs,
    proof: 'token' as const,
    fingerprint: fingerprintOf(leaf),
  };
  t.true(isRecordOf(entry, leaf));
  t.false(isRecordOf(entry, other));
  t.false(isRecordOf({ ...entry, serial: serialOf(other) }, leaf));
  t.false(isRecordOf({ ...entry, fingerprint: fingerprintOf(other) }, leaf));
  t.false(isRecordOf({ ...entry, fingerprint: undefined }, leaf), 'of an old version');
});
