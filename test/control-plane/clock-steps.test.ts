// The clock of the control plane is set forward by days, and back again: nothing is forgotten meanwhile that is
// needed once it is right.
import test from 'ava';
import { createSettledDate } from '../../common/dates.ts';
import { KnownSidecars } from '../../control-plane/registry/known-sidecars.ts';
import { REMEMBER_MS } from '../../control-plane/registry/sightings.ts';
import { createManualClock } from '../helpers/manual-clock.ts';
import { startControlPlaneUnderTest } from './control-plane-under-test.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

test('revocations and the issuance log outlive a step forward', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  await cp.enrol('shop', 'web');
  await cp.admin.revoke({ kind: 'identity', namespace: 'shop', service: 'web' });
  await cp.admin.readmit({ namespace: 'shop', service: 'web' });
  await cp.clock.advance(2_000);
  cp.clock.step(400 * DAY_MS);
  // Housekeeping is due by the wall clock.
  for (let seconds = 0; seconds < 300; seconds += 1) await cp.clock.advance(1_000);
  cp.clock.step(-400 * DAY_MS);
  t.is((await cp.admin.listRevocations()).length, 1);
  const query = { limit: 9, namespace: 'shop', service: 'web' };
  t.is((await cp.admin.listCertificates(query)).length, 1);
});

test('a sidecar that has gone is remembered for an hour, whatever the wall clock says', async (t) => {
  const clock = createManualClock();
  const known = new KnownSidecars(clock, 'one', { put: () => undefined });
  const record = {
    instanceId: 'one',
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
  } as Parameters<KnownSidecars['connected']>[0];
  known.connected(record, { certificateSerial: 'ab', certificateNotAfterMs: 0 });
  known.update('one', { connected: false });
  clock.step(DAY_MS);
  t.is(known.list(new Map()).length, 1);
  clock.step(-2 * DAY_MS);
  await clock.advance(REMEMBER_MS + 1);
  t.is(known.list(new Map()).length, 0);
});

test('what is settled ends with the clock that it follows', (t) => {
  const clock = createManualClock();
  const date = createSettledDate(clock);
  date.close();
  clock.step(DAY_MS);
  t.is(date.settledMs(), clock.epochMs());
});
