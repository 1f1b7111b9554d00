import { describeError, errorCode } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { isIssuedBy } from '../../common/pki/issued-by.ts';
import { serialOf } from '../../common/pki/revocation.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { RpcError } from '../../common/rpc/rpc-error.ts';
import { firstIdentity } from './first-identity.ts';
import type { IdentityManagerSettings } from './manager-settings.ts';
import { createIdentitySource } from './mutable-source.ts';
import { startRenewalLoop, type RenewalState } from './renewal/renewal-loop.ts';
import { createRenewalTry } from './renewal/renewal-try.ts';
import { expiryDateMs, hurryDelayMs, remainingMs, renewalDelayMs } from './renewal/schedule.ts';
import { skewProblem, warnOfSkew } from './skew.ts';
import type { IdentityChange, IdentitySource, WorkloadIdentity } from './source.ts';
import { trackRevocation, type RevocationStatus } from './revocation-status.ts';
import { lockState, openStateDirectory } from './state-directory.ts';

/** Keeps a sidecar's certificate valid. */
export interface IdentityManager extends Closeable {
  readonly source: IdentitySource;
  /** Tells the instances of one service apart; kept in the state directory. */
  readonly instanceId: string;
  /** What the renewal does now. */
  readonly renewal: RenewalState['kind'];
  /** Whether the control plane still takes the certificate in use. */
  readonly revocation: Pick<RevocationStatus, 'revoked' | 'accepted'>;
  /**
   * The control plane refused a call with the certificate in use. When that is because it was revoked,
   * another one is tried for at once: with the join token, where there is one.
   */
  refused(error: RpcError): void;
  /**
   * Takes the roots of a newer version into use; an older one, or one of another trust domain, is
   * left alone. Resolves when they are in use, and on disk where the disk takes them.
   */
  acceptBundle(bundle: TrustBundle): Promise<void>;
  /** Ends the renewal; resolves when nothing is being written any more. */
  close(): Promise<void>;
}

/**
 * Takes up the identity in the state directory (without token and without control plane, while its
 * certificate is valid), or enrols with the join token; then renews it until `close`, by mutual TLS
 * with the certificate in use, each time with a new key. While that fails, the one in use stays.
 *
 * @throws IdentityError `token-missing` or one of the `state-...` codes
 * @throws JoinTokenError, RpcError when enrolment was refused
 */
export async function createIdentityManager(
  settings: IdentityManagerSettings,
): Promise<IdentityManager> {
  const { clock, logger, metrics, random } = settings;
  const state = await openStateDirectory(settings.stateDirectory, clock);
  const lock = lockState(settings.stateDirectory);
  const begun = await firstIdentity(state, settings).catch((error: unknown) => {
    lock.close();
    throw error;
  });
  const { instanceId, identity: first, isRestored } = begun;
  const identities = createIdentitySource(first);
  const revocation = trackRevocation(() => identities.current().chain[0]);
  const tryRenewal = createRenewalTry(settings);

  // One change after the other, so that the file always holds what is in use, or what is about to be.
  let lastChange: Promise<void> = Promise.resolve();
  async function change(
    kind: IdentityChange,
    changed: (current: WorkloadIdentity) => WorkloadIdentity | undefined,
  ): Promise<void> {
    const before = lastChange;
    const { promise, resolve } = Promise.withResolvers<void>();
    lastChange = promise;
    await before;
    try {
      const next = changed(identities.current());
      if (next === undefined) return;
      await save(next);
      identities.replace(next, kind);
    } finally {
      resolve();
    }
  }

  async function save(next: WorkloadIdentity): Promise<void> {
    try {
      await state.save({ instanceId, identity: next });
    } catch (error) {
      // A full disk must not end a sidecar whose control plane answers. What was saved last stays
      // whole on disk, and is valid until it expires.
      logger.error(
        { event: 'state-not-saved', reason: errorCode(error) },
        `the new identity is in use, but could not be saved: ${describeError(error)}`,
      );
    }
  }

  async function renew(signal: AbortSignal): Promise<void> {
    const next = await tryRenewal(identities.current(), signal).catch((error: unknown) => {
      noteRefusal(error);
      throw error;
    });
    // An answer that crosses with `close` must not be written after it.
    signal.throwIfAborted();
    warnOfSkew(logger, next, clock);
    await change('leaf', ({ bundle }) => ({ ...next, bundle: newer(bundle, next.bundle) }));
    metrics.renewed();
    logger.info({ event: 'renewed', serial: serialOf(next.chain[0]) }, 'certificate renewed');
  }

  /** The bundle in which another root became the first while a renewal was under way. */
  let unfollowed: TrustBundle | undefined;

  // The root is being rotated, and the former one is dropped when no certificate leads to it. Once
  // for each bundle: a control plane that orders its roots otherwise is not asked again and again.
  function followRoot(): void {
    const identity = identities.current();
    if (loop.state.kind === 'renewing') unfollowed = identity.bundle;
    else if (!leadsToFirstRoot(identity)) loop.hurry(hurryDelayMs(identity, random));
  }

  function nextDelayMs(): number {
    const identity = identities.current();
    const late = unfollowed === identity.bundle && !leadsToFirstRoot(identity);
    unfollowed = undefined;
    return late ? hurryDelayMs(identity, random) : renewalDelayMs(identity, clock, random);
  }

  const loop = startRenewalLoop({
    clock,
    random,
    delayMs: nextDelayMs,
    current: () => identities.current(),
    isUseless: () => revocation.revoked !== undefined,
    renew,
    onScheduled(delayMs) {
      const identity = identities.current();
      const notAfterMs = expiryDateMs(identity, clock);
      const nextRenewalMs = clock.epochMs() + delayMs;
      const [until, next] = [notAfterMs, nextRenewalMs].map((ms) => new Date(ms).toISOString());
      const serial = serialOf(identity.chain[0]);
      const line = { event: 'renewal-scheduled', serial, notAfterMs, nextRenewalMs };
      logger.info(line, `the certificate is valid until ${until} and will be renewed at ${next}`);
    },
    onFailure(error, retryInMs) {
      metrics.renewalFailed(errorCode(error));
      logFailure(settings, error, identities.current(), retryInMs);
    },
  });
  function noteRefusal(error: unknown): boolean {
    if (!revocation.refused(error)) return false;
    const serial = serialOf(identities.current().chain[0]);
    logger.error(
      { event: 'revoked', reason: errorCode(error), serial },
      `this sidecar is excluded from the mesh: ${describeError(error)}`,
    );
    return true;
  }

  // Only the control plane can tell a clock that is wrong from a machine that was suspended, or from a clock
  // that has been set right since the last run.
  function compareClocks(): void {
    const identity = identities.current();
    if (skewProblem(identity, clock) !== undefined) loop.hurry(hurryDelayMs(identity, random));
  }

  // Now, too: it may have been started again before it could follow.
  followRoot();
  if (isRestored) compareClocks();
  const steps = clock.onStep(compareClocks);
  identities.onChange((_identity, kind) => {
    if (kind === 'bundle') followRoot();
  });
  return {
    source: identities,
    instanceId,
    get renewal() {
      return loop.state.kind;
    },
    revocation,
    refused(error) {
      if (noteRefusal(error)) loop.hurry(hurryDelayMs(REVOKED, random), { evenFailing: true });
    },
    acceptBundle: (bundle) =>
      change('bundle', (current) => {
        const known = newer(current.bundle, bundle) === current.bundle;
        const foreign = bundle.trustDomain !== current.bundle.trustDomain;
        return known || foreign ? undefined : { ...current, bundle };
      }),
    async close() {
      steps.cancel();
      loop.stop();
      await lastChange;
      lock.close();
    },
  };
}

/** Nothing is served meanwhile: like a certificate that lives for seconds. */
const REVOKED = { lifetimeMs: 3_000 };

function logFailure(
  { clock, logger }: IdentityManagerSettings,
  error: unknown,
  current: WorkloadIdentity,
  retryInMs: number,
): void {
  const notAfterMs = expiryDateMs(current, clock);
  const fields = { event: 'renewal-failed', reason: errorCode(error), notAfterMs, retryInMs };
  const at = new Date(notAfterMs).toISOString();
  const next = `next try in ${Math.round(retryInMs / 100) / 10} s`;
  const why = describeError(error);
  if (remainingMs(current, clock) > 0) {
    logger.warn(fields, `certificate not renewed, it is valid until ${at}; ${next}: ${why}`);
  } else {
    const hint = 'if this continues, start again with a new join token';
    logger.error(fields, `certificate not renewed, it expired at ${at}; ${next}; ${hint}: ${why}`);
  }
}

function newer(current: TrustBundle, offered: TrustBundle): TrustBundle {
  return offered.version > current.version ? offered : current;
}

/**
 * True when the certificate leads to the root that the bundle names first, below which the control
 * plane issues now; also when it leads to none, because then nothing can be said.
 */
function leadsToFirstRoot({ chain, bundle }: WorkloadIdentity): boolean {
  for (const link of chain) {
    // A cross-signature further up leads on to another root, which is not how it is meant.
    const at = bundle.roots.findIndex((root) => isIssuedBy(link, root));
    if (at >= 0) return at === 0;
  }
  return true;
}
