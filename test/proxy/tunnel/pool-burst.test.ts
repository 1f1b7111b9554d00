// More connections than a tunnel takes, all at the same moment.
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { createTunnelPool } from '../../../proxy/tunnel/tunnel-pool.ts';
import { within } from '../../helpers/deadline.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, sample, targetOf } from './harness.ts';

const STREAMS_PER_TUNNEL = 5;
const TUNNELS = 4;

test('a burst is spread over as many tunnels as it needs', async (t) => {
  const authority = createTestAuthority();
  const limits = { maxStreamsPerTunnel: STREAMS_PER_TUNNEL };
  const web = createEngine(t, createIdentity(authority, 'web'), { limits });
  const api = createEngine(t, createIdentity(authority, 'api'));
  const listener = await api.listen((stream) => stream.accept());
  const { dial, guard, identity, logger, registry } = web;
  const pool = createTunnelPool({ dial, guard, identity, logger, clock: systemClock });
  t.teardown(() => pool.close());

  const target = targetOf(listener, api.identity);
  const burst = Array.from({ length: TUNNELS * STREAMS_PER_TUNNEL }, () =>
    pool.open(target, '127.0.0.1:80'),
  );
  const opened = await within('every stream is accepted', Promise.all(burst));
  t.is(new Set(opened.map(({ tunnel }) => tunnel)).size, TUNNELS);
  t.true(opened.every(({ tunnel }) => tunnel.openStreams === STREAMS_PER_TUNNEL));
  t.is(await sample(registry, 'hauberk_tunnels_opened_total', { direction: 'outbound' }), TUNNELS);
});
