import type { Logger } from 'pino';
import { fullJitterMs } from '../../common/backoff.ts';
import { sleep, type Clock } from '../../common/clock.ts';
import { parseJoinToken } from '../../common/pki/join-token.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { formatAddress, type ServerAddress } from '../../common/rpc/channel.ts';
import { pinRoot } from '../../common/rpc/pin.ts';
import { isPassing, RpcError } from '../../common/rpc/rpc-error.ts';
import { issue, type Issued } from './issue.ts';

/** What first contact takes. */
export interface EnrolSettings {
  readonly spiffeId: SpiffeId;
  readonly controlPlane: ServerAddress;
  /** `hbk-1-...`; never logged. */
  readonly token: string;
  readonly lifetimeMs?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** For each of the two connections of a try. */
const TRY_TIMEOUT_MS = 5_000;
/** Nobody is served before enrolment, so that waiting long between tries helps nobody. */
const BACKOFF = { baseMs: 500, capMs: 5_000 };
/** One line says that it waits; a line for each try would drown the others. */
const LOG_INTERVAL_MS = 5_000;

/**
 * First contact: pins the root that the join token names, then asks for a certificate over a
 * connection that trusts this root alone. Waits for a control plane that is not there yet.
 *
 * @throws JoinTokenError `token-malformed`
 * @throws RpcError as soon as the control plane has decided against it (any `token-...` reason), or
 *   when it is not the one that the token is for; `cancelled` when the signal is aborted
 */
export async function enrol(settings: EnrolSettings): Promise<Issued> {
  const { clock, controlPlane, logger, random, signal } = settings;
  let loggedMs = Number.NEGATIVE_INFINITY;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await enrolOnce(settings);
    } catch (error) {
      if (!(error instanceof RpcError) || !isPassing(error.code) || signal.aborted) throw error;
      const nextTryMs = clock.now() + fullJitterMs(attempt, BACKOFF, random);
      if (clock.now() - loggedMs >= LOG_INTERVAL_MS) {
        loggedMs = clock.now();
        const controlPlaneAddress = formatAddress(controlPlane);
        logger.warn(
          { event: 'enrolment-waiting', reason: error.code, controlPlane: controlPlaneAddress },
          `waiting for the control plane to enrol: ${error.message}`,
        );
      }
      await pause(nextTryMs - clock.now(), settings);
    }
  }
}

/** One try of first contact. Throws as `enrol` does, and for passing failures too. */
export async function enrolOnce(settings: EnrolSettings): Promise<Issued> {
  const { clock, controlPlane, lifetimeMs, signal, spiffeId } = settings;
  const token = settings.token.trim();
  const { rootDigest } = parseJoinToken(token);
  const root = await pinRoot({ ...controlPlane, rootDigest, timeoutMs: TRY_TIMEOUT_MS, signal });
  return issue({
    spiffeId,
    channel: { address: controlPlane, trustDomain: spiffeId.trustDomain, roots: [root] },
    token,
    ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
    timeoutMs: TRY_TIMEOUT_MS,
    clock,
    signal,
  });
}

async function pause(delayMs: number, { clock, signal }: EnrolSettings): Promise<void> {
  try {
    await sleep(clock, delayMs, signal);
  } catch (cause) {
    throw new RpcError('cancelled', 'enrolment was not waited for', { cause });
  }
}
