import test from 'ava';
import type { MonotonicMs } from '../../../common/clock.ts';
import { guardedClock } from '../../../common/guard.ts';
import { createTunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, targetOf } from './harness.ts';

const IDLE_MS = 300_000;
const NO_TIMEOUTS = { pingIntervalMs: 1_000_000_000, handshakeTimeoutMs: 1_000_000_000 };

test('idle tunnels go although the first look for them threw', async (t) => {
  const clock = createManualClock(Date.now());
  const authority = createTestAuthority();
  const options = { clock, limits: NO_TIMEOUTS };
  const web = createEngine(t, createIdentity(authority, 'web'), options);
  const api = createEngine(t, createIdentity(authority, 'api'), options);
  const listener = await api.listen((stream) => void stream.accept());
  let isBroken = false;
  const breakable = {
    ...clock,
    monotonicMs(): MonotonicMs {
      if (isBroken) throw new Error('broken');
      return clock.monotonicMs();
    },
  };
  const { dial, identity, logger, guard } = web;
  const pool = createTunnelPool({
    dial,
    guard,
    identity,
    logger,
    clock: guardedClock(breakable, guard),
  });
  t.teardown(() => pool.close());
  const target = targetOf(listener, api.identity);
  await within('a tunnel stands', pool.ready(target));
  isBroken = true;
  await clock.advance(IDLE_MS / 5);
  t.is(guard.counts().get('timer'), 1);
  isBroken = false;
  await clock.advance(2 * IDLE_MS);
  await eventually('the idle tunnel is gone', () => listener.openTunnels === 0 || undefined);
});
