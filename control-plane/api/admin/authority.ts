import type { Authority as AuthorityMessage } from '../../../proto/gen/hauberk/v1/admin.ts';
import { trustOf } from '../../ca/authorities/authorities.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { IssuerRequests } from '../../ca/upstream/issuer-request.ts';
import type { RootRotation, RotationStatus } from '../../ca/rotation/root-rotation.ts';
import type { AdminHandlers, ForOperators } from './for-operators.ts';
import { RequestError } from '../request-error.ts';

/** What the part of `Admin` that is about the authority needs. */
export interface AuthorityHandlersOptions {
  readonly ca: CertificateAuthority;
  readonly rotation: RootRotation;
  readonly issuerRequests: IssuerRequests;
}

/** A person reads no more names than this, and the message stays small. */
const MAX_NAMES = 100;

/** Many times what four certificates take. */
const MAX_CHAIN_LENGTH = 65_536;

/** Longer, and it would not be a rotation because of a theft. */
const MAX_GRACE_SECONDS = 7 * 24 * 60 * 60;

/** The part of `Admin` that is about root and issuer. */
export function createAuthorityHandlers(
  { ca, rotation, issuerRequests }: AuthorityHandlersOptions,
  forOperators: ForOperators,
): Pick<
  AdminHandlers,
  'getAuthority' | 'rotateRoot' | 'abortRotation' | 'requestIssuer' | 'installIssuer'
> {
  const authority = (): AuthorityMessage => {
    const { root, issuer, ...present } = ca.current();
    const status = rotation.status();
    return {
      rootDigest: trustOf({ root, issuer, ...present }).signing,
      rootNotAfterMs: root.certificate.validToDate.getTime(),
      rootKeyHere: root.privateKey !== undefined,
      issuerSerial: issuer.certificate.serialNumber.toLowerCase(),
      issuerNotAfterMs: issuer.certificate.validToDate.getTime(),
      bundleVersion: present.bundle.version,
      rotation: status === undefined ? undefined : toRotationMessage(status),
    };
  };
  const answer = (): { authority: AuthorityMessage } => ({ authority: authority() });
  return {
    getAuthority: forOperators(answer),
    rotateRoot: forOperators(async ({ compromised, graceSeconds }) => {
      if (graceSeconds > MAX_GRACE_SECONDS) {
        const sentence = `expected a grace of at most ${MAX_GRACE_SECONDS} seconds, got ${graceSeconds}`;
        throw new RequestError('request-malformed', sentence);
      }
      await rotation.rotate(compromised ? { compromisedGraceMs: graceSeconds * 1000 } : {});
      return answer();
    }),
    requestIssuer: forOperators(async ({ fresh }) => ({
      csr: await issuerRequests.request({ fresh }),
    })),
    installIssuer: forOperators(async ({ chain, newRoot }) => {
      if (chain.length > MAX_CHAIN_LENGTH) {
        throw new RequestError(
          'request-malformed',
          `expected a chain of at most ${MAX_CHAIN_LENGTH} characters, got ${chain.length}`,
        );
      }
      await issuerRequests.install(chain, { newRoot });
      await rotation.attend();
      return answer();
    }),
    abortRotation: forOperators(async () => {
      await rotation.abort();
      return answer();
    }),
  };
}

function toRotationMessage({ rotation, progress }: RotationStatus): AuthorityMessage['rotation'] {
  const { phase, returning, from, to, startedMs, phaseStartedMs, deadlineMs } = rotation;
  const { done, total, blockers, away } = progress;
  return {
    phase,
    returning,
    fromDigest: from,
    toDigest: to,
    startedMs,
    phaseStartedMs,
    deadlineMs,
    done,
    total,
    blockers: blockers.slice(0, MAX_NAMES),
    away: away.slice(0, MAX_NAMES),
    awayTotal: away.length,
  };
}
