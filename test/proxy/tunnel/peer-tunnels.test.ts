// The tunnels to one peer, with a dial that the test answers: when there is one more, and when one goes.
import test from 'ava';
import { plusMs } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { RevocationList } from '../../../common/pki/revocation.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { DEFAULT_POOL_LIMITS } from '../../../proxy/tunnel/pool-limits.ts';
import { AuthenticatedPeer } from '../../../proxy/tunnel/authenticated-peer.ts';
import { PeerTunnels } from '../../../proxy/tunnel/peer-tunnels.ts';
import { TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import type { Tunnel, TunnelEnd } from '../../../proxy/tunnel/tunnel.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createIdentity } from './harness.ts';

const HOUR_MS = 3_600_000;
const LIMITS = { ...DEFAULT_POOL_LIMITS, maxTunnelsPerPeer: 3 };
const TARGET = {
  address: '10.0.0.1',
  port: 15_008,
  expect: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'api' }),
};

/** A tunnel that does what it is told, and nothing else. */
class FakeTunnel implements Tunnel {
  readonly peer: AuthenticatedPeer;
  openStreams = 0;
  accepting = true;
  readonly #retired = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<TunnelEnd>();
  readonly retired = this.#retired.promise;
  readonly closed = this.#closed.promise;
  /** Why it drains, or was closed. */
  draining: TunnelEnd | undefined;
  ended: TunnelEnd | undefined;

  constructor(peer: AuthenticatedPeer) {
    this.peer = peer;
  }

  open(): Promise<never> {
    return Promise.reject(new Error('no streams here'));
  }

  drain(reason: TunnelEnd): void {
    this.draining ??= reason;
    this.retire();
    if (this.openStreams === 0) this.destroy(reason);
  }

  destroy(reason: TunnelEnd): void {
    this.ended ??= reason;
    this.retire();
    this.#closed.resolve(this.ended);
  }

  /** As after a GOAWAY. */
  retire(): void {
    this.accepting = false;
    this.#retired.resolve();
  }
}

function underTest() {
  const clock = createManualClock(Date.now());
  const authority = createTestAuthority();
  const identity = createIdentity(authority, 'web');
  const log = createLogRecorder();
  const guard = createGuard({ clock, logger: log.logger });
  const faulty = { identity: false };
  const dials: { answer(lifetimeMs?: number): FakeTunnel; fail(): void; signal: AbortSignal }[] =
    [];
  let empties = 0;
  const tunnels = new PeerTunnels({
    target: TARGET,
    identity: {
      ...identity,
      current() {
        if (faulty.identity) throw new Error('a mistake of the program');
        return identity.current();
      },
    },
    clock,
    guard,
    logger: log.logger,
    limits: LIMITS,
    random: () => 0.5,
    onUnready() {},
    onEmpty: () => (empties += 1),
    dial(_target, signal = AbortSignal.abort()) {
      const { promise, resolve, reject } = Promise.withResolvers<Tunnel>();
      dials.push({
        signal,
        answer(lifetimeMs = HOUR_MS) {
          const { leaf } = authority.workload('shop', 'api', {
            nowMs: clock.epochMs(),
            lifetimeMs,
          });
          const tunnel = new FakeTunnel(
            new AuthenticatedPeer(TARGET.expect, leaf, authority.bundle),
          );
          resolve(tunnel);
          return tunnel;
        },
        fail: () => reject(new TunnelError('unreachable', 'nobody is there')),
      });
      return promise;
    },
  });
  /** The dial of this number, from 0. */
  const dial = (at: number) => {
    const found = dials[at];
    if (found === undefined) throw new Error(`expected ${at + 1} dials, got ${dials.length}`);
    return found;
  };
  /** A first tunnel, with so many streams on it. */
  const stand = async (openStreams = 0, lifetimeMs = HOUR_MS): Promise<FakeTunnel> => {
    const acquired = tunnels.acquire(undefined, undefined);
    const tunnel = dial(0).answer(lifetimeMs);
    tunnel.openStreams = openStreams;
    await acquired;
    return tunnel;
  };
  return {
    tunnels,
    clock,
    guard,
    faulty,
    identity,
    log,
    dial,
    stand,
    dials,
    empties: () => empties,
  };
}

const settled = (clock: { advance(ms: number): Promise<void> }): Promise<void> => clock.advance(0);

test('all who ask while there is no tunnel share one dial', async (t) => {
  const { tunnels, dial, dials } = underTest();
  const asked = [1, 2, 3].map(() => tunnels.acquire(undefined, undefined));
  t.is(dials.length, 1);
  const tunnel = dial(0).answer();
  t.deepEqual(await Promise.all(asked), [tunnel, tunnel, tunnel]);
  t.is(tunnels.size, 1);
});

test('the tunnel with the fewest streams is taken, but not the one that just failed', async (t) => {
  const { tunnels, dial, stand } = underTest();
  const first = await stand(5);
  const asked = tunnels.acquire(first, undefined);
  const second = dial(1).answer();
  second.openStreams = 2;
  t.is(await asked, second);
  t.is(await tunnels.acquire(undefined, undefined), second);
  t.is(await tunnels.acquire(second, undefined), first);
  t.is(tunnels.openStreams, 7);
});

test('no peer has more tunnels than the limit', async (t) => {
  const { tunnels, dial } = underTest();
  for (let at = 0; at < LIMITS.maxTunnelsPerPeer; at += 1) {
    const asked = tunnels.acquire(undefined, undefined);
    const tunnel = dial(at).answer();
    await asked;
    tunnel.accepting = false;
  }
  await t.throwsAsync(tunnels.acquire(undefined, undefined), {
    instanceOf: TunnelError,
    code: 'refused-stream',
    message: /all 3 tunnels to .*\/sa\/api that one peer may have are full/,
  });
});

test('after a GOAWAY a successor is dialled, and the old one drains when it stands', async (t) => {
  const { tunnels, clock, dial, dials, stand } = underTest();
  const old = await stand(1);
  await clock.advance(LIMITS.redialBaseMs);
  old.retire();
  await settled(clock);
  t.is(dials.length, 2);
  t.is(old.draining, undefined, 'its streams have no other proof yet');
  const successor = dial(1).answer();
  await settled(clock);
  t.is(old.draining, 'drained');
  t.is(old.ended, undefined, 'a stream is on it');
  t.is(await tunnels.acquire(undefined, undefined), successor);
});

test('a new certificate of ours replaces the tunnel, a root that came to it does not', async (t) => {
  const { clock, dial, dials, identity, tunnels, stand } = underTest();
  const old = await stand(1);
  await clock.advance(LIMITS.redialBaseMs);
  const { bundle } = identity.current();
  const root = createTestAuthority().root.certificate;
  identity.set(
    { ...identity.current(), bundle: { ...bundle, roots: [...bundle.roots, root] } },
    'bundle',
  );
  tunnels.reconcile();
  t.is(dials.length, 1);
  identity.renew();
  tunnels.reconcile();
  t.is(dials.length, 2);
  dial(1).answer();
  await settled(clock);
  t.is(old.draining, 'drained');
});

test('a tunnel whose life is nearly over has a successor before it is', async (t) => {
  const { clock, dial, dials, stand } = underTest();
  const old = await stand(1, HOUR_MS);
  // Certificates count whole seconds.
  await clock.advance(HOUR_MS * (5 / 6) - 1_000);
  t.is(dials.length, 1);
  await clock.advance(1_000);
  t.is(dials.length, 2);
  dial(1).answer();
  await settled(clock);
  t.is(old.draining, 'drained');
});

test('a peer that was revoked loses its tunnel at once, streams and all', async (t) => {
  const { tunnels, clock, dials, identity, stand } = underTest();
  const tunnel = await stand(4);
  const { bundle } = identity.current();
  const expiresMs = plusMs(clock.epochMs(), HOUR_MS);
  const revocations = new RevocationList([{ spiffeId: TARGET.expect.uri, expiresMs }]);
  identity.set({ ...identity.current(), bundle: { ...bundle, revocations } }, 'revocations');
  tunnels.reconcile();
  t.is(tunnel.ended, 'revoked');
  await settled(clock);
  t.is(tunnels.size, 0);
  t.is(dials.length, 1, 'nobody asks for another');
});

test('a warm peer is dialled again and again, later each time, and a cold one is not', async (t) => {
  const { tunnels, clock, dial, dials, log } = underTest();
  tunnels.warm();
  dial(0).fail();
  await settled(clock);
  const [line] = log.of('dial-failed');
  t.like(line, { attempt: 1, retryInMs: LIMITS.redialBaseMs / 2, peer: TARGET.expect.uri });
  await clock.advance(LIMITS.redialBaseMs - 1);
  t.is(dials.length, 1, 'however little was drawn');
  await clock.advance(1);
  dial(1).fail();
  await settled(clock);
  t.like(log.of('dial-failed')[1], { attempt: 2, retryInMs: LIMITS.redialBaseMs });
  await clock.advance(LIMITS.redialBaseMs);
  t.is(dials.length, 3);

  const cold = underTest();
  const asked = cold.tunnels.acquire(undefined, undefined);
  cold.dial(0).fail();
  await t.throwsAsync(asked, { message: /nobody is there/ });
  await cold.clock.advance(HOUR_MS);
  t.is(cold.dials.length, 1);
  t.true(cold.empties() > 0, 'the pool may forget the peer');
});

test('a peer that ends each tunnel at once does not make us spin', async (t) => {
  const { tunnels, clock, dial, dials } = underTest();
  tunnels.warm();
  dial(0).answer().destroy('peer-closed');
  await settled(clock);
  t.is(dials.length, 1);
  await clock.advance(LIMITS.redialBaseMs - 1);
  t.is(dials.length, 1);
  await clock.advance(1);
  t.is(dials.length, 2);
});

test('who gives up waiting leaves, and the dial goes on for the others', async (t) => {
  const { tunnels, dial } = underTest();
  const impatient = new AbortController();
  const [one, other] = [
    tunnels.acquire(undefined, impatient.signal),
    tunnels.acquire(undefined, undefined),
  ];
  impatient.abort(new Error('the application left'));
  await t.throwsAsync(one, { instanceOf: TunnelError, code: 'aborted' });
  t.false(dial(0).signal.aborted);
  const tunnel = dial(0).answer();
  t.is(await other, tunnel);
});

test('what is idle goes: a surplus tunnel first, all of a peer later', async (t) => {
  const { tunnels, clock, dial, stand } = underTest();
  const first = await stand(1, 24 * HOUR_MS);
  const asked = tunnels.acquire(first, undefined);
  const surplus = dial(1).answer(24 * HOUR_MS);
  await asked;
  await clock.advance(LIMITS.idleMs - 1);
  tunnels.sweep();
  t.deepEqual([first.draining, surplus.draining], [undefined, undefined]);
  await clock.advance(1);
  tunnels.sweep();
  t.deepEqual([first.draining, surplus.draining], [undefined, 'idle']);
  first.openStreams = 0;
  await clock.advance(LIMITS.idleMs);
  tunnels.sweep();
  t.is(first.draining, 'idle');
});

test('a peer that someone waits for is not idle, however long the dial takes', async (t) => {
  const { tunnels, clock, dial } = underTest();
  const asked = tunnels.acquire(undefined, undefined);
  await clock.advance(LIMITS.idleMs);
  tunnels.sweep();
  const tunnel = dial(0).answer(24 * HOUR_MS);
  t.is(await asked, tunnel);
  t.is(tunnel.draining, undefined);
});

test('an idle tunnel stays while it is the one that vouches for streams on an older one', async (t) => {
  const { tunnels, clock, dial, stand } = underTest();
  const older = await stand(1, 24 * HOUR_MS);
  older.retire();
  await clock.advance(LIMITS.redialBaseMs);
  const successor = dial(1).answer(24 * HOUR_MS);
  await settled(clock);
  t.is(older.draining, 'drained');
  await clock.advance(2 * LIMITS.idleMs);
  tunnels.sweep();
  t.is(successor.draining, undefined);
});

test('a peer that is forgotten takes nothing new, and is left when its streams have ended', async (t) => {
  const { tunnels, clock, dials, empties, stand } = underTest();
  const tunnel = await stand(1);
  tunnels.forget();
  t.is(tunnel.draining, 'drained');
  await settled(clock);
  t.is(dials.length, 1);
  const before = empties();
  tunnel.openStreams = 0;
  tunnel.destroy('drained');
  await settled(clock);
  t.true(empties() > before);
});

test('closing ends every tunnel, a dial that is under way too, and nobody gets another', async (t) => {
  const { tunnels, clock, dial, stand } = underTest();
  const revocation = await stand(1);
  const asked = tunnels.acquire(revocation, undefined);
  tunnels.close('forced');
  t.is(revocation.ended, 'forced');
  t.true(dial(1).signal.aborted);
  const late = dial(1).answer();
  await t.throwsAsync(asked, { code: 'aborted' });
  t.is(late.ended, 'forced');
  await t.throwsAsync(tunnels.acquire(undefined, undefined), {
    code: 'aborted',
    message: /this sidecar is closing/,
  });
  await settled(clock);
  t.deepEqual(clock.pending, []);
});

test('a mistake when a tunnel closes is counted, and a peer that is kept warm has a successor all the same', async (t) => {
  const { tunnels, clock, guard, faulty, dial, stand, dials } = underTest();
  tunnels.warm();
  const first = await stand();
  await clock.advance(LIMITS.redialBaseMs);
  faulty.identity = true;
  first.destroy('peer-closed');
  await settled(clock);
  t.is(guard.counts().get('tunnel'), 1);
  t.deepEqual([tunnels.size, dials.length], [0, 1]);
  faulty.identity = false;
  await clock.advance(LIMITS.redialBaseMs);
  t.is(dials.length, 2);
  dial(1).answer();
  await settled(clock);
  t.is(tunnels.size, 1);
  tunnels.close('forced');
});
