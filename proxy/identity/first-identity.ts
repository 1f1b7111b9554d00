import { randomUUID } from 'node:crypto';
import { describeError } from '../../common/errors.ts';
import { createCommand, enrol } from './enrol.ts';
import { IdentityError } from './identity-error.ts';
import type { IdentityManagerSettings } from './manager-settings.ts';
import { expiresMs } from './schedule.ts';
import { warnOfSkew } from './skew.ts';
import type { StateDirectory, StoredState } from './state-directory.ts';

const NEVER_ABORTED = new AbortController().signal;

/**
 * The identity to begin with, which is on disk when this resolves: the one of the last run while it
 * is valid, or else a new one for the join token.
 *
 * @throws IdentityError `token-missing` or one of the `state-...` codes
 * @throws JoinTokenError, RpcError as `enrol` does
 */
export async function firstIdentity(
  state: StateDirectory,
  settings: IdentityManagerSettings,
): Promise<StoredState> {
  const { clock, logger, signal, tokens } = settings;
  const stored = await load(state, settings);
  if (stored !== undefined && expiresMs(stored.identity) > clock.now()) {
    const notAfterMs = expiresMs(stored.identity);
    logger.info(
      { event: 'identity-restored', spiffeId: settings.spiffeId.uri, notAfterMs },
      `took up the certificate of the last run, valid until ${new Date(notAfterMs).toISOString()}`,
    );
    return stored;
  }
  if (tokens === undefined) throw tokenMissing(settings, stored);
  const issued = await enrol({ ...settings, tokens, signal: signal ?? NEVER_ABORTED });
  warnOfSkew(logger, issued.skewMs);
  const enrolled = { instanceId: stored?.instanceId ?? randomUUID(), identity: issued.identity };
  await state.save(enrolled);
  const notAfterMs = expiresMs(issued.identity);
  logger.info(
    { event: 'enrolled', spiffeId: settings.spiffeId.uri, notAfterMs },
    `enrolled as ${settings.spiffeId.uri}, valid until ${new Date(notAfterMs).toISOString()}`,
  );
  return enrolled;
}

async function load(
  state: StateDirectory,
  { clock, logger, spiffeId, tokens }: IdentityManagerSettings,
): Promise<StoredState | undefined> {
  try {
    const stored = await state.load(spiffeId);
    if (stored === undefined) return undefined;
    // A clock that was set back must not make a certificate live longer than it was given.
    const receivedMs = Math.min(stored.identity.receivedMs, clock.now());
    return { ...stored, identity: { ...stored.identity, receivedMs } };
  } catch (error) {
    const corrupt = error instanceof IdentityError && error.code === 'state-corrupt';
    if (!corrupt || (await tokens?.read()) === undefined) throw error;
    const keptAs = await state.setAside(clock.now());
    logger.warn(
      { event: 'state-set-aside', keptAs },
      `${describeError(error)}; kept it as ${keptAs}, enrolling again`,
    );
    return undefined;
  }
}

function tokenMissing(
  { spiffeId }: IdentityManagerSettings,
  expired: StoredState | undefined,
): IdentityError {
  const have =
    expired === undefined
      ? 'no certificate in the state directory'
      : `only a certificate that expired at ${new Date(expiresMs(expired.identity)).toISOString()}`;
  const { namespace, service } = spiffeId;
  return new IdentityError('token-missing', `expected a join token, because there is ${have}`, {
    hint: `make one with: ${createCommand(namespace, service)}`,
  });
}
