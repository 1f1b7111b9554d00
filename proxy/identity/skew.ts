import type { Logger } from 'pino';
import type { Clock, EpochMs, MonotonicMs } from '../../common/clock.ts';
import { CLOCK_SKEW_MS } from '../../common/pki/lifetimes.ts';
import type { ChannelSettings } from '../../common/rpc/channel.ts';
import { probeClock } from '../../common/rpc/clock-probe.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { WorkloadIdentity } from './source.ts';

/** Smaller differences are normal. Nothing breaks below five minutes; above, peers may be refused. */
const SKEW_WARNING_MS = 60_000;

const PROBE_TIMEOUT_MS = 2_000;

const SET_RIGHT = "set the clock of this host, or the control plane's, right";

/** A peer that renews in time shows a certificate with at least this part of its life left. */
const LEAST_LEFT = 1 / 3;

type Dated = Pick<WorkloadIdentity, 'chain' | 'lifetimeMs' | 'received'>;

/**
 * The control plane's clock minus ours: positive when ours is behind. As the control plane told the time with
 * the certificate, and as our wall clock was set since. Until the next certificate, a machine that was
 * suspended looks as if its clock were ahead.
 */
export function skewOf({ chain: [leaf], lifetimeMs, received }: Dated, clock: Clock): number {
  const issuedMs = leaf.validToDate.getTime() - lifetimeMs;
  const agoMs = clock.monotonicMs() - received.monotonicMs;
  return Math.round(issuedMs + agoMs - clock.epochMs());
}

/** How far the clocks are apart, in words that follow a refusal; empty when they agree well enough. */
export function skewHint(identity: Dated, clock: Clock): string {
  const skewMs = skewOf(identity, clock);
  return Math.abs(skewMs) <= SKEW_WARNING_MS ? '' : `, or ${skewSentence(skewMs)}`;
}

/**
 * Why this host cannot use certificates that are valid by the control plane's clock; undefined when it
 * can.
 */
export function skewProblem(identity: Dated, clock: Clock): string | undefined {
  return problemOf(skewOf(identity, clock), identity.lifetimeMs);
}

function problemOf(skewMs: number, lifetimeMs: number): string | undefined {
  if (skewMs > CLOCK_SKEW_MS) {
    return `${skewSentence(skewMs)}, so that certificates are not valid here yet when they are issued; ${SET_RIGHT}`;
  }
  if (-skewMs >= lifetimeMs * LEAST_LEFT) {
    return `${skewSentence(skewMs)}, so that certificates of peers expire here before they are renewed; ${SET_RIGHT}`;
  }
  return undefined;
}

/** Warns when this host's clock and the control plane's are more than a minute apart, or too far. */
export function warnOfSkew(logger: Logger, identity: Dated, clock: Clock): void {
  tellSkew(logger, skewOf(identity, clock), identity);
}

/** What the two clocks are apart, kept current between two certificates. */
export interface SkewWatch {
  /** The control plane has told what its clock says now. Warns when that is news. */
  told(serverMs: EpochMs): void;
  /** As `skewOf`, by whatever was told last. */
  skewMs(): number;
}

/**
 * Watches how far the clocks are apart. Whether certificates are usable is decided by `skewProblem`
 * alone.
 */
export function createSkewWatch(logger: Logger, clock: Clock, identity: () => Dated): SkewWatch {
  let measured: { readonly serverMs: EpochMs; readonly atMs: MonotonicMs } | undefined;
  /** What the log says: at first, what it said of the certificate. */
  let namedMs = skewOf(identity(), clock);
  const skewMs = (): number => {
    const current = identity();
    if (measured === undefined || measured.atMs < current.received.monotonicMs) {
      return skewOf(current, clock);
    }
    const { serverMs, atMs } = measured;
    return Math.round(serverMs + (clock.monotonicMs() - atMs) - clock.epochMs());
  };
  return {
    skewMs,
    told(serverMs) {
      measured = { serverMs, atMs: clock.monotonicMs() };
      const now = skewMs();
      if (Math.abs(now - namedMs) <= SKEW_WARNING_MS) return;
      namedMs = now;
      if (Math.abs(now) > SKEW_WARNING_MS) tellSkew(logger, now, identity());
      else logger.info({ event: 'clock-agrees', skewMs: now }, 'the clocks agree again');
    },
  };
}

/**
 * A span in whole seconds that stays as it was while it changes by less than one: so that what is told only when it is
 * different is not told again because of milliseconds.
 */
export function createWholeSeconds(currentMs: () => number): () => number {
  let told = 0;
  return () => {
    const now = currentMs();
    if (Math.abs(now - told) >= 1_000) told = Math.round(now / 1_000) * 1_000;
    return told;
  };
}

function tellSkew(logger: Logger, skewMs: number, { lifetimeMs }: Pick<Dated, 'lifetimeMs'>): void {
  const problem = problemOf(skewMs, lifetimeMs);
  if (problem !== undefined) logger.error({ event: 'clock-skew', skewMs }, problem);
  else if (Math.abs(skewMs) > SKEW_WARNING_MS) {
    const sentence = `${skewSentence(skewMs)}; that breaks nothing yet, but ${SET_RIGHT}`;
    logger.warn({ event: 'clock-skew', skewMs }, sentence);
  }
}

/**
 * Names the clock where it may be the reason for a failure: a refusal carries the server's time, and
 * a server whose certificate is out of date by our clock alone shows by how much at least.
 */
export async function withSkew(
  error: RpcError,
  { address, trustDomain, roots, pinned }: ChannelSettings,
  nowMs: number,
): Promise<RpcError> {
  if (error.serverTimeMs !== undefined) {
    const skewMs = error.serverTimeMs - nowMs;
    return Math.abs(skewMs) <= SKEW_WARNING_MS ? error : naming(error, skewSentence(skewMs));
  }
  // On first contact OpenSSL is asked next.
  if (error.code !== 'server-untrusted' || pinned !== undefined) return error;
  const server = { address, trustDomain, roots, timeoutMs: PROBE_TIMEOUT_MS };
  const aheadMs = await probeClock(server, nowMs);
  return aheadMs === undefined ? error : naming(error, skewSentence(-aheadMs, 'at least '));
}

function naming(error: RpcError, sentence: string): RpcError {
  const { code, message, serverTimeMs, retryAfterMs } = error;
  const named = new RpcError(code, `${message}; ${sentence}`, { hint: SET_RIGHT, cause: error });
  return Object.assign(named, { serverTimeMs, retryAfterMs });
}

function skewSentence(skewMs: number, atLeast = ''): string {
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  const direction = skewMs > 0 ? 'behind' : 'ahead of';
  return `this host's clock is ${atLeast}${seconds} s ${direction} the control plane's`;
}
