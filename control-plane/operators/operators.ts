import type { WallClock } from '../../common/clock.ts';
import type { RevocationList } from '../../common/pki/revocation.ts';
import { adminId } from '../../common/pki/spiffe-id.ts';
import type { OperatorCredential } from '../../proto/gen/hauberk/v1/admin.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { firstIssuedMs } from './operator-renewal.ts';
import type { OperatorUses } from './operator-uses.ts';

/** What listing them takes. */
export interface OperatorsOptions {
  readonly ca: Pick<CertificateAuthority, 'issuancesOf' | 'trustDomain'>;
  readonly uses: OperatorUses;
  readonly view: { revocations(): RevocationList };
  readonly clock: WallClock;
}

/** The credentials of operators that have not expired, the newest first. @throws StoreError */
export async function listOperators(options: OperatorsOptions): Promise<OperatorCredential[]> {
  const { ca, uses, view, clock } = options;
  const issuances = await ca.issuancesOf(adminId(ca.trustDomain));
  const revoked = new Set(view.revocations().all.map(({ serial }) => serial));
  const known = uses.all();
  return issuances
    .filter(({ notAfterMs }) => notAfterMs > clock.epochMs())
    .toReversed()
    .map((issuance) => {
      const lastUse = known.get(issuance.serial);
      return Object.assign({}, issuance, {
        firstIssuedMs: firstIssuedMs(issuance),
        revoked: revoked.has(issuance.serial),
        lastUsedMs: lastUse?.usedMs,
        lastAddress: lastUse?.address,
        lastCall: lastUse?.call,
      });
    });
}

/** Forgets where credentials were used that the log has forgotten. @throws StoreError */
export async function pruneOperatorUses({ ca, uses }: OperatorsOptions): Promise<void> {
  const issuances = await ca.issuancesOf(adminId(ca.trustDomain));
  await uses.keep(new Set(issuances.map(({ serial }) => serial)));
}
