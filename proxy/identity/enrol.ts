import type { Logger } from 'pino';
import { fullJitterMs } from '../../common/backoff.ts';
import { sleep, type Clock } from '../../common/clock.ts';
import { describeError, errorCode } from '../../common/errors.ts';
import { parseJoinToken } from '../../common/pki/join-token/join-token.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { callAny, type ControlPlaneTargets } from '../../common/rpc/control-plane-targets.ts';
import { pinRoot } from '../../common/rpc/pin.ts';
import { isPassing, RpcError } from '../../common/rpc/rpc-error.ts';
import { issue } from './issue.ts';
import type { WorkloadIdentity } from './source.ts';
import type { TokenSource } from './token-source.ts';

/** What first contact takes. */
export interface EnrolSettings {
  readonly spiffeId: SpiffeId;
  readonly controlPlanes: ControlPlaneTargets;
  /** Of `hbk-1-...`; never logged. */
  readonly tokens: TokenSource;
  readonly lifetimeMs?: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** For each connection of a try, at each control plane. */
const TRY_TIMEOUT_MS = 5_000;
/** Nothing is served before enrolment, so that long waits between tries do not help. */
const BACKOFF = { baseMs: 500, capMs: 5_000 };
/** Looking at a file costs nothing, and a whole project may wait for this sidecar. */
const TOKEN_POLL_MS = 500;
/** One line says that it waits; a line for each try would drown the others. */
const LOG_INTERVAL_MS = 5_000;

/**
 * First contact: asks for a certificate over a connection whose server leads to the root that the join token
 * pins, and to no other. Waits for a control plane that is not there yet, and for a
 * token that is not there yet. A token that is refused is final, unless its file holds another one
 * meanwhile.
 *
 * @throws JoinTokenError `token-malformed`
 * @throws RpcError as soon as the control plane has decided against it (any `token-...` reason), or
 *   when it is not the one that the token is for; `cancelled` when the signal is aborted
 * @throws ConfigError `file-unreadable`
 */
export async function enrol(settings: EnrolSettings): Promise<WorkloadIdentity> {
  const { random, tokens } = settings;
  const report = createReport(settings);
  for (let attempt = 1; ; attempt += 1) {
    const token = await tokens.read();
    if (token === undefined) {
      report.tokenMissing();
      await pause(TOKEN_POLL_MS, settings);
      continue;
    }
    try {
      return await enrolOnce({ ...settings, token });
    } catch (error) {
      if (!(await isWorthAnotherTry(error, token, settings))) {
        report.refused(error);
        throw error;
      }
      report.failed(error);
      const ownMs = fullJitterMs(attempt, BACKOFF, random);
      await pause(Math.max(ownMs, settings.controlPlanes.askedMs()), settings);
    }
  }
}

async function isWorthAnotherTry(
  error: unknown,
  token: string,
  { signal, tokens }: EnrolSettings,
): Promise<boolean> {
  if (signal.aborted) return false;
  if (error instanceof RpcError && isPassing(error.code)) return true;
  // A control plane that was set up again writes new tokens before it answers calls.
  const now = await tokens.read();
  return now !== undefined && now !== token;
}

/** Says now and then what enrolment waits for. */
function createReport({ clock, controlPlanes, logger, spiffeId, tokens }: EnrolSettings): {
  failed(error: unknown): void;
  refused(error: unknown): void;
  tokenMissing(): void;
} {
  const address = controlPlanes.text;
  let loggedMs = Number.NEGATIVE_INFINITY;
  const say = (fields: object, sentence: string): void => {
    if (clock.monotonicMs() - loggedMs < LOG_INTERVAL_MS) return;
    loggedMs = clock.monotonicMs();
    logger.warn({ event: 'enrolment-waiting', ...fields }, sentence);
  };
  return {
    failed(error) {
      const sentence = `waiting for the control plane to enrol: ${describeError(error)}`;
      say({ reason: errorCode(error), controlPlane: address }, sentence);
    },
    refused(error) {
      const line = { event: 'enrolment-refused', reason: errorCode(error), controlPlane: address };
      logger.error(line, `could not enrol as ${spiffeId.uri}: ${describeError(error)}`);
    },
    tokenMissing() {
      const { namespace, service } = spiffeId;
      say(
        { reason: 'token-missing', path: tokens.origin },
        `waiting for a join token in ${tokens.origin}; the control plane writes it with ` +
          `--write-token, or make one with: ${createCommand(namespace, service)}`,
      );
    },
  };
}

/** How a person makes the token. */
export function createCommand(namespace: string, service: string): string {
  return `hauberk token create --namespace ${namespace} --service ${service}`;
}

/**
 * One try of first contact, at each control plane: over one connection, or over another one that OpenSSL verifies, where
 * this process does not trust the first. Throws as `enrol` does, and for passing failures too.
 */
export async function enrolOnce(
  settings: Omit<EnrolSettings, 'tokens' | 'random'> & { readonly token: string },
): Promise<WorkloadIdentity> {
  const { clock, controlPlanes, lifetimeMs, signal, spiffeId } = settings;
  const token = settings.token.trim();
  const { rootDigest } = parseJoinToken(token);
  return callAny(controlPlanes, async (address, timeoutMs) => {
    const within = { timeoutMs: Math.min(timeoutMs, TRY_TIMEOUT_MS), clock, signal };
    const server = { address, trustDomain: spiffeId.trustDomain };
    const asked = { spiffeId, token, lifetimeMs, ...within };
    try {
      const pinned = { rootDigest, clock };
      return await issue({ ...asked, channel: { ...server, roots: [], pinned } });
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== 'server-untrusted') throw error;
    }
    const root = await pinRoot({ ...address, rootDigest, ...within });
    return issue({ ...asked, channel: { ...server, roots: [root] } });
  });
}

async function pause(delayMs: number, { clock, signal }: EnrolSettings): Promise<void> {
  try {
    await sleep(clock, delayMs, signal);
  } catch (cause) {
    throw new RpcError('cancelled', 'the enrolment was cancelled', { cause });
  }
}
