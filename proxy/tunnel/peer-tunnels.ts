import type { Logger } from 'pino';
import { fullJitterMs } from '../../common/backoff.ts';
import type { CancelSignal } from '../../common/cancellation.ts';
import type { Clock, Timer } from '../../common/clock.ts';
import { afterByEither } from '../../common/dates.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import { mayReject } from '../../common/ignored.ts';
import type { TunnelState } from '../../proto/gen/hauberk/v1/question.ts';
import { remainingMs } from '../identity/renewal/schedule.ts';
import type { IdentitySource, WorkloadIdentity } from '../identity/source.ts';
import { ExpiryWatch } from './expiry-watch.ts';
import type { PoolLimits } from './pool-limits.ts';
import { isStale } from './staleness.ts';
import { TunnelError } from './tunnel-error.ts';
import type { Dial, DialTarget, Tunnel, TunnelEnd } from './tunnel.ts';

/**
 * How much of a tunnel's life passes before its successor is dialled, of whichever certificate ends
 * first. The peer asks for it earlier when it renews (GOAWAY); this is for when it does not.
 */
const REPLACE_AFTER = 5 / 6;

/** What the tunnels of one peer are made of. */
export interface PeerTunnelsOptions {
  readonly target: DialTarget;
  readonly dial: Dial;
  readonly identity: IdentitySource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly limits: PoolLimits;
  readonly random: () => number;
  /** Called when no tunnel is kept ready any more, which `warm` had asked for. */
  readonly onUnready: () => void;
  /** Called when nothing is left that the pool would have to keep. */
  readonly onEmpty: () => void;
}

interface PooledTunnel {
  readonly tunnel: Tunnel;
  readonly madeWith: WorkloadIdentity;
  /** So much of its life has passed that it needs a successor. */
  due: boolean;
  retired: boolean;
  lastUsedMs: number;
}

/**
 * The tunnels to one peer. Whatever happens (a new identity, a GOAWAY, a death, a timer) ends in
 * `reconcile`, which compares what is there with what should be there:
 *
 *     no fresh tunnel, but streams, a warm target or a stale tunnel  -> dial one
 *     a fresh tunnel, and stale ones beside it                       -> drain the stale ones
 *     a tunnel whose peer was revoked                                -> end it, streams and all
 *
 * so a successor always exists before its predecessor goes.
 */
export class PeerTunnels {
  readonly #options: PeerTunnelsOptions;
  readonly #tunnels = new Set<PooledTunnel>();
  readonly #watch: ExpiryWatch;
  readonly #abort = new AbortController();
  #dialing: Promise<Tunnel> | undefined;
  #redial: Timer | undefined;
  #failures = 0;
  #waiters = 0;
  #lastUsedMs: number;
  #lastDialMs = -Infinity;
  #mode: 'cold' | 'warm' | 'forgotten' | 'closed' = 'cold';

  constructor(options: PeerTunnelsOptions) {
    this.#options = options;
    const { clock, identity } = options;
    this.#watch = new ExpiryWatch(clock, () => remainingMs(identity.current(), clock));
    this.#lastUsedMs = options.clock.monotonicMs();
  }

  get openStreams(): number {
    let sum = 0;
    for (const { tunnel } of this.#tunnels) sum += tunnel.openStreams;
    return sum;
  }

  get size(): number {
    return this.#tunnels.size;
  }

  states(): TunnelState[] {
    const { address } = this.#options.target;
    return Array.from(this.#tunnels, ({ tunnel: { peer, openStreams, accepting } }) => ({
      inbound: false,
      peer: peer.spiffeId.uri,
      address,
      streams: openStreams,
      peerNotAfterMs: peer.expiresMs,
      accepting,
    }));
  }

  /** The least loaded tunnel that takes streams, but not `except`; undefined when there is none. */
  available(except?: Tunnel): Tunnel | undefined {
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    const pooled = this.#leastLoaded(except);
    if (pooled !== undefined) pooled.lastUsedMs = this.#lastUsedMs;
    return pooled?.tunnel;
  }

  /** As `available`; dials when there is none. */
  async acquire(except: Tunnel | undefined, signal: CancelSignal | undefined): Promise<Tunnel> {
    this.#waiters += 1;
    try {
      for (;;) {
        const tunnel = this.available(except);
        if (tunnel !== undefined) return tunnel;
        if (this.#mode === 'closed') {
          const { uri } = this.#options.target.expect;
          throw new TunnelError('aborted', `no tunnel to ${uri}: this sidecar is closing`);
        }
        if (this.#mode === 'forgotten') this.#mode = 'cold';
        await abortable(this.#grow(), signal);
      }
    } finally {
      this.#waiters -= 1;
      this.#leaveWhenEmpty();
    }
  }

  /** Keeps a tunnel ready until it is forgotten or idle. */
  warm(): void {
    if (this.#mode === 'closed') return;
    this.#mode = 'warm';
    this.#lastUsedMs = this.#options.clock.monotonicMs();
    this.reconcile();
  }

  /** Takes nothing new; what is under way lives on, with a successor to vouch for it where needed. */
  forget(reason: TunnelEnd = 'drained'): void {
    if (this.#mode === 'closed') return;
    this.#stopDialing('forgotten');
    this.#drainAll(reason);
    this.reconcile();
  }

  /** Ends everything at once. */
  close(reason: TunnelEnd): void {
    this.#stopDialing('closed');
    this.#abort.abort();
    for (const { tunnel } of this.#tunnels) tunnel.destroy(reason);
    this.#leaveWhenEmpty();
  }

  /**
   * Releases what has carried nothing for a while: surplus tunnels one by one, and the last ones when
   * the whole peer is idle. A fresh tunnel beside one that still carries streams is kept, because it
   * is the proof that those may live on.
   */
  sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const { idleMs } = this.#options.limits;
    if (this.openStreams > 0 || this.#waiters > 0) this.#lastUsedMs = nowMs;
    if (nowMs - this.#lastUsedMs >= idleMs) return this.forget('idle');
    for (const pooled of this.#tunnels) {
      if (pooled.tunnel.openStreams > 0) pooled.lastUsedMs = nowMs;
      if (nowMs - pooled.lastUsedMs < idleMs) continue;
      const others = [...this.#tunnels].filter((other) => other !== pooled);
      if (others.some((other) => this.#isFresh(other))) pooled.tunnel.drain('idle');
    }
  }

  /** Brings what is there in line with what should be there. */
  reconcile(): void {
    if (this.#mode === 'closed') return this.#leaveWhenEmpty();
    this.#endRevoked();
    if (this.#mode === 'forgotten' && this.openStreams === 0) this.#drainAll('drained');
    const fresh = [...this.#tunnels].filter((pooled) => this.#isFresh(pooled));
    if (fresh.length > 0) {
      for (const pooled of this.#tunnels) {
        if (!fresh.includes(pooled)) pooled.tunnel.drain('drained');
      }
    } else if (this.#needsTunnel()) {
      this.#dialUnlessWaiting();
    }
    this.#leaveWhenEmpty();
  }

  #stopDialing(mode: 'forgotten' | 'closed'): void {
    const wasWarm = this.#mode === 'warm';
    this.#mode = mode;
    this.#redial?.cancel();
    this.#redial = undefined;
    if (wasWarm) this.#options.onUnready();
  }

  #isFresh({ madeWith, due, retired }: PooledTunnel): boolean {
    return !retired && !due && !isStale(madeWith, this.#options.identity.current());
  }

  #endRevoked(): void {
    const { bundle } = this.#options.identity.current();
    for (const pooled of this.#tunnels) {
      if (!pooled.tunnel.peer.isRevoked(bundle)) continue;
      pooled.retired = true;
      pooled.tunnel.destroy('revoked');
    }
  }

  #drainAll(reason: TunnelEnd): void {
    for (const { tunnel } of this.#tunnels) tunnel.drain(reason);
  }

  #needsTunnel(): boolean {
    if (this.#mode === 'warm') return true;
    if (this.#mode === 'cold') return this.#tunnels.size > 0;
    // The endpoint went away: only streams that would lose their proof still need a successor to vouch.
    return this.openStreams > 0 && [...this.#tunnels].every(({ due }) => due);
  }

  #leastLoaded(except: Tunnel | undefined): PooledTunnel | undefined {
    let best: PooledTunnel | undefined;
    for (const pooled of this.#tunnels) {
      if (!pooled.tunnel.accepting || pooled.tunnel === except) continue;
      if (best === undefined || pooled.tunnel.openStreams < best.tunnel.openStreams) best = pooled;
    }
    return best;
  }

  /** Dials another tunnel because one is asked for now; requests meanwhile share it. */
  #grow(): Promise<Tunnel> {
    if (this.#dialing !== undefined) return this.#dialing;
    const { limits, target } = this.#options;
    const usable = [...this.#tunnels].filter(({ retired }) => !retired);
    if (usable.length < limits.maxTunnelsPerPeer) return this.#dial();
    const all = `all ${limits.maxTunnelsPerPeer} tunnels to ${target.expect.uri}`;
    throw new TunnelError('refused-stream', `${all} that one peer may have are full`);
  }

  /** Dials in the background; a peer that ends each tunnel at once does not make us spin. */
  #dialUnlessWaiting(): void {
    if (this.#dialing !== undefined || this.#redial !== undefined) return;
    const { clock, limits } = this.#options;
    const waitMs = this.#lastDialMs + limits.redialBaseMs - clock.monotonicMs();
    if (waitMs > 0) this.#reconcileAfter(waitMs);
    else mayReject(this.#dial());
  }

  #reconcileAfter(delayMs: number): void {
    this.#redial?.cancel();
    this.#redial = this.#options.clock.after(delayMs, () => {
      this.#redial = undefined;
      this.reconcile();
    });
  }

  #dial(): Promise<Tunnel> {
    this.#redial?.cancel();
    this.#redial = undefined;
    const { dial, target, identity, clock } = this.#options;
    this.#lastDialMs = clock.monotonicMs();
    const madeWith = identity.current();
    const dialing = dial(target, this.#abort.signal).then(
      (tunnel) => {
        this.#dialing = undefined;
        this.#failures = 0;
        this.#join(tunnel, madeWith);
        return tunnel;
      },
      (error: unknown) => {
        this.#dialing = undefined;
        this.#redialLater(error);
        throw error;
      },
    );
    mayReject(dialing);
    this.#dialing = dialing;
    return dialing;
  }

  #redialLater(error: unknown): void {
    this.#leaveWhenEmpty();
    if (this.#mode === 'closed' || !this.#needsTunnel()) return;
    const { limits, random, logger, target } = this.#options;
    this.#failures += 1;
    const bounds = { baseMs: limits.redialBaseMs, capMs: limits.redialCapMs };
    const retryInMs = Math.round(fullJitterMs(this.#failures, bounds, random));
    const { uri: peer } = target.expect;
    logger.warn(
      { event: 'dial-failed', peer, attempt: this.#failures, retryInMs, err: error },
      `no tunnel to ${peer}: ${describeError(error)}`,
    );
    this.#reconcileAfter(retryInMs);
  }

  #join(tunnel: Tunnel, madeWith: WorkloadIdentity): void {
    const { clock, guard } = this.#options;
    const nowMs = clock.monotonicMs();
    const leftMs = tunnel.peer.expiresMs - clock.epochMs();
    const dueTimer = afterByEither(clock, leftMs * REPLACE_AFTER, () => {
      pooled.due = true;
      this.reconcile();
    });
    const fresh = { due: false, retired: false, lastUsedMs: nowMs };
    const pooled: PooledTunnel = { tunnel, madeWith, ...fresh };
    this.#tunnels.add(pooled);
    const unwatch = this.#watch.add('', tunnel);
    const retired = tunnel.retired.then(() => {
      pooled.retired = true;
      this.reconcile();
    });
    const closed = tunnel.closed.then(() => {
      unwatch();
      dueTimer.cancel();
      this.#tunnels.delete(pooled);
      this.reconcile();
    });
    guard.promise('tunnel', Promise.all([retired, closed]), () => {
      // A peer that is kept warm would have no successor until something else happens to it.
      if (this.#mode !== 'closed') this.#reconcileAfter(this.#options.limits.redialBaseMs);
    });
    if (this.#mode === 'closed') tunnel.destroy('forced');
    this.reconcile();
  }

  #leaveWhenEmpty(): void {
    if (this.#mode === 'warm' || this.#tunnels.size > 0 || this.#waiters > 0) return;
    if (this.#dialing === undefined && this.#redial === undefined) this.#options.onEmpty();
  }
}

/** Gives the wait up when the signal says so; the work itself goes on for the others who wait. */
async function abortable(work: Promise<unknown>, signal: CancelSignal | undefined): Promise<void> {
  if (signal === undefined) return void (await work);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => {
    const sentence = 'the connection was cancelled before there was a tunnel';
    reject(new TunnelError('aborted', sentence, { cause: signal.reason }));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
