import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { EpochMs, MonotonicClock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { serialOf } from '../../../common/pki/revocation.ts';
import { parseSpiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { repeat } from '../../../common/repeat.ts';
import { StoreError } from '../../store/store-error.ts';
import type { Store } from '../../store/store.ts';
import type { CertificateAuthority, Issued, IssueOptions } from '../certificate-authority.ts';
import { issuanceKey, issuancesIn, recordIssuance } from '../issuance/entries.ts';
import type { Issuance } from '../issuance/record.ts';
import type { Journal, JournalEntry } from './journal.ts';

/** A store that is back is noticed within this time. */
export const BRING_IN_INTERVAL_MS = 1_000;

/** What renewing without the store takes. */
export interface WithoutStoreOptions {
  readonly journal: Journal;
  /** Whether the operator has allowed it; what is in the journal is brought in all the same. */
  readonly allowed: boolean;
  readonly ca: Pick<CertificateAuthority, 'sign'>;
  readonly store: Store;
  /** The store takes no writes now, as far as is known. */
  readonly isGone: () => boolean;
  /** Takes a certificate out of use that goes back to one which was revoked meanwhile. */
  readonly revokeIfRevoked: (issuance: Issuance) => Promise<void>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
}

/** A certificate that is to be renewed, which was proven and is not revoked as far as is known here. */
export interface Renewal {
  readonly publicKey: IssueOptions['publicKey'];
  readonly spiffeId: SpiffeId;
  readonly lifetimeMs: number;
  readonly certificate: X509Certificate;
}

/** Goes on with renewals while the store is gone. */
export interface WithoutStore extends Closeable {
  readonly allowed: boolean;
  /** How many certificates the issuance log has yet to take in. */
  readonly waiting: number;
  /** Whether a renewal is to be made without the store: at once while it is known to be gone, or after this error. */
  isNeeded(error?: unknown): boolean;
  /**
   * Renews with the keys that are in memory. The certificate is in the journal before this resolves.
   *
   * @throws PkiError `authority-expired`; the system's error when the journal cannot be written
   */
  renew(renewal: Renewal): Promise<Issued>;
  /** The entry of a certificate that is still in the journal. */
  find(certificate: Pick<X509Certificate, 'serialNumber'>): Issuance | undefined;
  close(): Promise<void>;
}

/** Brings in what is in the journal, whenever the store is there, until it is closed. */
export function openWithoutStore(options: WithoutStoreOptions): WithoutStore {
  const { journal, allowed, ca, store, isGone, revokeIfRevoked, clock, logger } = options;
  const log = issuancesIn(store);
  let isTold = false;

  const find: WithoutStore['find'] = (certificate) =>
    journal.entries.find(({ issuance }) => issuance.serial === serialOf(certificate))?.issuance;
  /** What the log knows of the certificate that it was renewed from. */
  const withAncestry = async ({ issuance, parent }: JournalEntry): Promise<Issuance> => {
    const spiffeId = parseSpiffeId(issuance.spiffeId);
    const found = await log.issuanceOf(
      { serialNumber: parent.serial, validFromDate: new Date(parent.validFromMs) },
      spiffeId,
    );
    return { ...issuance, tokenId: issuance.tokenId ?? found?.tokenId };
  };
  const bringIn = async (entry: JournalEntry): Promise<void> => {
    const issuance = await withAncestry(entry);
    // One that was brought in before a crash is there, and stays as it is.
    await store.transact(
      [{ key: issuanceKey(issuance), modRevision: 0 }],
      recordIssuance(issuance, parseSpiffeId(issuance.spiffeId)),
    );
    await revokeIfRevoked(issuance);
  };
  const bringAllIn = async (): Promise<void> => {
    if (journal.entries.length === 0) return;
    let count = 0;
    try {
      for (let [next] = journal.entries; next !== undefined; [next] = journal.entries) {
        await bringIn(next);
        await journal.forget(1);
        count += 1;
      }
    } catch (error) {
      if (!isPassing(error)) {
        const line = { event: 'journal-not-brought-in', err: error };
        logger.error(line, `the issuance log lacks certificates: ${describeError(error)}`);
      }
    }
    if (count === 0) return;
    isTold = false;
    const line = { event: 'journal-brought-in', issuanceCount: count };
    logger.info(
      line,
      `the issuance log has ${count} certificates that were issued without the store`,
    );
  };
  const turns = repeat(clock, BRING_IN_INTERVAL_MS, bringAllIn);
  return {
    allowed,
    get waiting() {
      return journal.entries.length;
    },
    isNeeded: (error) => allowed && (error === undefined ? isGone() : isPassing(error)),
    async renew({ publicKey, spiffeId, lifetimeMs, certificate }) {
      const serial = serialOf(certificate);
      const proof = { kind: 'renewal', from: serial, of: find(certificate) } as const;
      const issued = ca.sign({ publicKey, spiffeId, lifetimeMs, proof });
      const validFromMs = certificate.validFromDate.getTime() as EpochMs;
      await journal.append({ issuance: issued.issuance, parent: { serial, validFromMs } });
      if (!isTold) {
        isTold = true;
        const sentence =
          'the store is gone, and certificates are renewed without it; the issuance log takes them in when it is back';
        logger.warn({ event: 'issuing-without-store' }, sentence);
      }
      return issued;
    },
    find,
    async close() {
      await turns.close();
      await journal.close();
    },
  };
}

/** The store is gone, or full: as it may be again in a moment, nothing is wrong with what was asked. */
function isPassing(error: unknown): boolean {
  return error instanceof StoreError && (error.code === 'unavailable' || error.code === 'full');
}
