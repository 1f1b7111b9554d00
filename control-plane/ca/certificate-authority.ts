import { hash, type KeyObject, type X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { WallClock, EpochMs } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import { rootDigest } from '../../common/pki/join-token/root-digest.ts';
import type { SubjectKey } from '../../common/pki/der/certificate-builder.ts';
import { signLeaf } from '../../common/pki/leaf.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { FencedStore } from '../leader/fenced-store.ts';
import type { Compare, Operation, Store } from '../store/store.ts';
import { issuersOf, type Authorities, CA_KEYS } from './authorities/authorities.ts';
import { caHealth, type CaHealth, authorityAge } from './authorities/health.ts';
import { openAuthoritySource, pruneRetired, type AuthoritySource } from './authorities/source.ts';
import { issuancesIn, recordIssuance, type Issuances } from './issuance/entries.ts';
import type { Issuance, Proof } from './issuance/record.ts';
import { createIssuer } from '../../common/pki/authority.ts';
import { encodeIssuer } from './authorities/stored-authority.ts';

/** What the authority needs. */
export interface CertificateAuthorityOptions {
  readonly store: Store;
  readonly clock: WallClock;
  readonly logger: Logger;
  readonly trustDomain: string;
  /** Opened when it is not given. */
  readonly authorities?: AuthoritySource;
}

/** What to issue, on what proof. */
export interface IssueOptions {
  readonly publicKey: KeyObject | SubjectKey;
  readonly spiffeId: SpiffeId;
  readonly lifetimeMs: number;
  readonly proof: Proof;
  readonly backdateMs?: number;
  /** Written in the same transaction as the entry of the log, e.g. that a token was used. */
  readonly alongside?: {
    readonly compares: readonly Compare[];
    readonly operations: readonly Operation[];
  };
}

/** A certificate that is in the log already. */
export interface Issued {
  /** In DER. */
  readonly leaf: Buffer;
  /** The issuer first, then what may be between it and the root; without the root. */
  readonly issuers: readonly [X509Certificate, ...X509Certificate[]];
  readonly bundle: TrustBundle;
  readonly issuance: Issuance;
  /** What the authority consisted of when it signed. */
  readonly authorities: Authorities;
}

/** The authority of one mesh: the root, the issuer below it, and the log of what was issued. */
export interface CertificateAuthority extends Issuances {
  readonly trustDomain: string;
  /** Of the root below which certificates are issued now. */
  readonly rootDigest: string;
  /** Everything that it consists of now. */
  current(): Authorities;
  bundle(): TrustBundle;
  /** When the issuer ends that signs now. */
  issuerNotAfterMs(): number;
  /**
   * Issues a certificate and writes it to the log before it resolves. It never outlives the issuer.
   * Undefined when a condition of `alongside` did not hold; nothing was written then.
   *
   * @throws PkiError `authority-expired`, `csr-key-unsupported`; StoreError
   */
  issue(options: IssueOptions): Promise<Issued | undefined>;
  /**
   * Signs, and writes nothing: where the store is gone, and the caller keeps the entry until it is back.
   *
   * @throws PkiError `authority-expired`, `csr-key-unsupported`
   */
  sign(options: Omit<IssueOptions, 'alongside'>): Issued;
  /** Says when the issuer or the root nears its end; not ok when one has expired. */
  health(): CaHealth;
  /** To be called now and then by the leader: makes the next issuer at half of life. */
  maintain(nowMs: EpochMs, leading: FencedStore): Promise<void>;
}

/**
 * Opens the authority. An issuer that is past half of its life gets its successor by `maintain`.
 *
 * @throws CaError `trust-domain-changed`, `authority-corrupt`; StoreError
 */
export async function openCertificateAuthority(
  options: CertificateAuthorityOptions,
): Promise<CertificateAuthority> {
  const { store, clock, logger, trustDomain } = options;
  const authorities =
    options.authorities ?? (await openAuthoritySource({ ...options, nowMs: clock.epochMs() }));
  const renewal = { authorities, trustDomain, clock, logger };

  const sign = ({ issuer, root }: Authorities, wanted: IssueOptions) => {
    const { publicKey, spiffeId, lifetimeMs, proof, backdateMs } = wanted;
    const issuedMs = clock.epochMs();
    const { der, serial, notAfterMs } = signLeaf(issuer, {
      publicKey,
      spiffeId,
      lifetimeMs,
      nowMs: issuedMs,
      ...(backdateMs === undefined ? {} : { backdateMs }),
    });
    const issuance: Issuance = {
      serial,
      spiffeId: spiffeId.uri,
      issuedMs,
      notAfterMs: notAfterMs as EpochMs,
      proof: proof.kind,
      ...ancestryOf(proof),
      root: rootDigest(root.certificate),
      fingerprint: hash('sha256', der, 'hex'),
    };
    return { leaf: der, issuance };
  };

  const ca: CertificateAuthority = {
    ...issuancesIn(store),
    trustDomain,
    get rootDigest() {
      return rootDigest(authorities.current().root.certificate);
    },
    current: () => authorities.current(),
    bundle: () => authorities.current().bundle,
    issuerNotAfterMs: () => authorities.current().issuer.certificate.validToDate.getTime(),

    sign(wanted) {
      const present = authorities.current();
      const { leaf, issuance } = sign(present, wanted);
      return issuedBy(present, leaf, issuance);
    },

    async issue(wanted) {
      const { compares = [], operations = [] } = wanted.alongside ?? {};
      for (;;) {
        const present = authorities.current();
        const { leaf, issuance } = sign(present, wanted);
        // A root that is dropped is one under which nothing is in the log that is in use: so nothing
        // may get there any more once another issuer signs.
        const { succeeded } = await store.transact(
          [...compares, present.sameIssuer],
          [...operations, ...recordIssuance(issuance, wanted.spiffeId)],
        );
        if (succeeded) return issuedBy(present, leaf, issuance);
        const { sameIssuer } = await authorities.reload();
        if (sameIssuer.modRevision === present.sameIssuer.modRevision) return undefined;
      }
    },

    health: () => caHealth(authorities.current(), clock.epochMs()),

    async maintain(nowMs, leading) {
      try {
        await renewIssuer(renewal, leading);
      } catch (error) {
        logger.error(
          { event: 'issuer-renewal-failed', err: error },
          `the next issuer could not be made, the current one stays: ${describeError(error)}`,
        );
      }
      for (const reason of ca.health().reasons) {
        logger.warn({ event: 'authority-near-end' }, reason);
      }
      await authorities.change((present) => pruneRetired(present, nowMs), leading);
    },
  };
  return ca;
}

function issuedBy(authorities: Authorities, leaf: Buffer, issuance: Issuance): Issued {
  const { bundle } = authorities;
  return { leaf, issuers: issuersOf(authorities), bundle, issuance, authorities };
}

/** What a certificate goes back to. */
function ancestryOf(proof: Proof): Pick<Issuance, 'tokenId' | 'renewedFrom' | 'firstIssuedMs'> {
  switch (proof.kind) {
    case 'token':
      return { tokenId: proof.tokenId };
    case 'renewal':
      return {
        tokenId: proof.of?.tokenId,
        renewedFrom: proof.from,
        firstIssuedMs: proof.of?.proof === 'self' ? proof.of.issuedMs : proof.of?.firstIssuedMs,
      };
    case 'self':
      return {};
  }
}

/** What making the next issuer takes. */
interface IssuerRenewalOptions {
  readonly authorities: AuthoritySource;
  readonly trustDomain: string;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/**
 * Puts a new issuer under the same root into the place of one that is past half of its life. What the
 * former one signed stays valid, because its holders show its certificate along with their own.
 */
async function renewIssuer(options: IssuerRenewalOptions, leading: FencedStore): Promise<void> {
  const { authorities, clock, logger, trustDomain } = options;
  const before = authorities.current().issuer.certificate;
  const { issuer } = await authorities.change(
    (present) => successor(present, trustDomain, clock.epochMs()),
    leading,
  );
  if (issuer.certificate.raw.equals(before.raw)) return;
  const notAfterMs = issuer.certificate.validToDate.getTime();
  const line = { event: 'issuer-renewed', notAfterMs };
  logger.info(line, `a new issuer signs certificates until ${new Date(notAfterMs).toISOString()}`);
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
