import type { Logger } from 'pino';
import type { WallClock } from '../../common/clock.ts';
import { createIssuer } from '../../common/pki/authority.ts';
import type { Operation } from '../store/store.ts';
import { CA_KEYS, type Authorities } from './authorities/authorities.ts';
import { authorityAge } from './authorities/health.ts';
import type { AuthoritySource } from './authorities/source.ts';
import { encodeIssuer } from './authorities/stored-authority.ts';

/** What making the next issuer takes. */
export interface IssuerRenewalOptions {
  readonly authorities: AuthoritySource;
  readonly trustDomain: string;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/**
 * Puts a new issuer under the same root into the place of one that is past half of its life. What the
 * former one signed stays valid, because its holders show its certificate along with their own.
 */
export async function renewIssuer(options: IssuerRenewalOptions): Promise<void> {
  const { authorities, clock, logger, trustDomain } = options;
  const before = authorities.current().issuer.certificate;
  const { issuer } = await authorities.change((present) =>
    successor(present, trustDomain, clock.epochMs()),
  );
  if (issuer.certificate.raw.equals(before.raw)) return;
  const notAfterMs = issuer.certificate.validToDate.getTime();
  logger.info(
    { event: 'issuer-renewed', notAfterMs },
    `a new issuer signs certificates until ${new Date(notAfterMs).toISOString()}`,
  );
}

function successor({ root, issuer }: Authorities, trustDomain: string, nowMs: number): Operation[] {
  // Where the key of the root is kept somewhere else, so is the next issuer made there.
  if (root.privateKey === undefined || authorityAge(issuer, nowMs) === 'young') return [];
  // A root that is about to end would only make issuers that end with it.
  if (issuer.certificate.validToDate >= root.certificate.validToDate) return [];
  const next = createIssuer(root, { trustDomain, nowMs });
  const value = encodeIssuer({ ...next, intermediates: [] });
  return [{ kind: 'put', key: CA_KEYS.issuer, value }];
}
