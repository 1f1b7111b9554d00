import { randomUUID } from 'node:crypto';
import { describeError } from '../../common/errors.ts';
import { serialOf } from '../../common/pki/revocation.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import { createCommand, enrol } from './enrol.ts';
import { IdentityError } from './identity-error.ts';
import type { IdentityManagerSettings } from './manager-settings.ts';
import { recover } from './renewal/recover.ts';
import { expiryDateMs, remainingMs } from './renewal/schedule.ts';
import { warnOfSkew } from './skew.ts';
import type { WorkloadIdentity } from './source.ts';
import type { StateDirectory, StoredState } from './state-directory.ts';

/** What a sidecar begins with. */
export interface FirstIdentity extends StoredState {
  /** The certificate of the last run: what the control plane's clock shows now is not known yet. */
  readonly isRestored: boolean;
}

const NEVER_ABORTED = new AbortController().signal;

/**
 * The identity to begin with, which is on disk when this resolves: the one of the last run while it
 * is valid, a new one for it while the control plane still renews it, or else one for the join token.
 *
 * @throws IdentityError `token-missing` or one of the `state-...` codes
 * @throws JoinTokenError, RpcError as `enrol` does
 */
export async function firstIdentity(
  state: StateDirectory,
  settings: IdentityManagerSettings,
): Promise<FirstIdentity> {
  const { clock, logger } = settings;
  const { uri } = settings.spiffeId;
  const tell = (event: string, identity: WorkloadIdentity, what: string): void => {
    const notAfterMs = expiryDateMs(identity, clock);
    const line = { event, spiffeId: uri, serial: serialOf(identity.chain[0]), notAfterMs };
    logger.info(line, `${what}, valid until ${new Date(notAfterMs).toISOString()}`);
  };
  const stored = await load(state, settings);
  if (stored !== undefined && remainingMs(stored.identity, clock) > 0) {
    const what = 'resumed with the certificate of the last run';
    tell('identity-restored', stored.identity, what);
    return { ...stored, isRestored: true };
  }
  // Better before a join token is spent than after.
  await state.probe();
  const identity = await issueFirst(stored, settings);
  warnOfSkew(logger, identity, clock);
  const enrolled = { instanceId: stored?.instanceId ?? randomUUID(), identity };
  await state.save(enrolled);
  tell('enrolled', identity, `enrolled as ${uri}`);
  return { ...enrolled, isRestored: false };
}

async function issueFirst(
  stored: StoredState | undefined,
  settings: IdentityManagerSettings,
): Promise<WorkloadIdentity> {
  const { logger, signal = NEVER_ABORTED, tokens } = settings;
  let refused: RpcError | undefined;
  if (stored !== undefined) {
    const recovered = await recover(settings, stored.identity, signal);
    if (!(recovered instanceof RpcError)) {
      const { uri } = settings.spiffeId;
      logger.info({ event: 'recovered', spiffeId: uri }, 'an expired certificate was renewed');
      return recovered;
    }
    refused = recovered;
    const line = { event: 'recovery-refused', reason: refused.code };
    logger.warn(line, `the expired certificate was not renewed: ${refused.message}`);
  }
  if (tokens === undefined) throw tokenMissing(settings, stored, refused);
  return enrol({ ...settings, tokens, signal });
}

async function load(
  state: StateDirectory,
  { clock, logger, spiffeId, tokens }: IdentityManagerSettings,
): Promise<StoredState | undefined> {
  try {
    return await state.load(spiffeId);
  } catch (error) {
    const corrupt = error instanceof IdentityError && error.code === 'state-corrupt';
    if (!corrupt || (await tokens?.read()) === undefined) throw error;
    const keptAs = await state.setAside(clock.epochMs());
    const line = { event: 'state-set-aside', keptAs };
    logger.warn(line, `${describeError(error)}; kept it as ${keptAs}, enrolling again`);
    return undefined;
  }
}

function tokenMissing(
  { clock, spiffeId }: IdentityManagerSettings,
  expired: StoredState | undefined,
  refused: RpcError | undefined,
): IdentityError {
  const have =
    expired === undefined
      ? 'no certificate in the state directory'
      : `only a certificate that expired at ${new Date(expiryDateMs(expired.identity, clock)).toISOString()}`;
  const { namespace, service } = spiffeId;
  const why = refused === undefined ? '' : `, and ${refused.message}`;
  const sentence = `expected a join token, because there is ${have}${why}`;
  const hint = `make one with: ${createCommand(namespace, service)}`;
  return new IdentityError('token-missing', sentence, { hint });
}
