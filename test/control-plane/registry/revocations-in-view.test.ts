// Which revocations sidecars are told of, where the clock of the control plane is wrong for a while.
import test from 'ava';
import { plusMs } from '../../../common/clock.ts';
import {
  encodeRevocation,
  serialKey,
} from '../../../control-plane/revocation/revocation-record.ts';
import { rig } from './registry-under-test.ts';

const HOUR_MS = 3_600_000;

test('a revocation comes back when a clock is right that was ahead at the start', async (t) => {
  const { clock, start } = await rig(t);
  const before = await start();
  const revokedMs = clock.epochMs();
  const value = encodeRevocation({
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
    serial: 'ab',
    revokedMs,
    expiresMs: plusMs(revokedMs, HOUR_MS),
  });
  await before.store.transact([], [{ kind: 'put', key: serialKey('ab'), value }]);
  await before.end();

  clock.step(2 * HOUR_MS);
  const { view } = await start();
  t.deepEqual(view.revocations().all, [], 'it has ended, by all that is known');
  clock.step(-2 * HOUR_MS);
  const present = view.revocations();
  t.deepEqual(
    present.all.map(({ serial }) => serial),
    ['ab'],
  );
  t.is(view.revocations(), present, 'the same object as long as none ends');
  await clock.advance(HOUR_MS);
  t.deepEqual(view.revocations().all, []);
});
