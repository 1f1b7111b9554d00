import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Authority } from '../../common/pki/authority.ts';
import { rootDigest } from '../../common/pki/digest.ts';
import { issueLeaf } from '../../common/pki/leaf.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import type { Compare, Operation, Store } from '../store/store.ts';
import { openAuthorities, replaceIssuer } from './authorities.ts';
import { authorityAge } from './authority-health.ts';
import {
  issuanceBySerial,
  issuanceOf,
  issuancesOf,
  listIssuances,
  pruneIssuances,
  recordIssuance,
  type Issuance,
  type IssuanceQuery,
  type IssuanceScope,
  type Proof,
} from './issuance-log.ts';

/** What the authority needs. */
export interface CertificateAuthorityOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trustDomain: string;
}

/** What to issue, on what proof. */
export interface IssueOptions {
  readonly publicKey: KeyObject;
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
  /** Leaf first, then the issuer, without the root. */
  readonly chain: readonly [leaf: X509Certificate, issuer: X509Certificate];
  readonly bundle: TrustBundle;
  readonly issuance: Issuance;
}

/** How the authority is doing, in words where something is to be said. */
export interface CaHealth {
  readonly ok: boolean;
  readonly reasons: readonly string[];
}

/** The authority of one mesh: the root, the issuer below it, and the log of what was issued. */
export interface CertificateAuthority {
  readonly trustDomain: string;
  /** Of the root that join tokens pin. */
  readonly rootDigest: string;
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
  /** The log, newest first. */
  issuances(query: IssuanceQuery): Promise<readonly Issuance[]>;
  /** All entries of a service or a namespace. */
  issuancesOf(scope: IssuanceScope): Promise<readonly Issuance[]>;
  issuanceBySerial(serial: string): Promise<Issuance | undefined>;
  /** The log's entry of a workload's certificate, when it is young enough to be there. */
  issuanceOf(certificate: X509Certificate, spiffeId: SpiffeId): Promise<Issuance | undefined>;
  /** Says when the issuer or the root nears its end; not ok when one has expired. */
  health(): CaHealth;
  /** To be called now and then: makes the next issuer at half of life, and shortens the log. */
  maintain(): Promise<void>;
}

/**
 * Opens the authority in the store; makes it at the first start.
 *
 * @throws CaError `trust-domain-changed`, `authority-corrupt`; StoreError
 */
export async function openCertificateAuthority(
  options: CertificateAuthorityOptions,
): Promise<CertificateAuthority> {
  const { store, clock, logger, trustDomain } = options;
  const at = (nowMs: number) => ({ store, trustDomain, nowMs });
  let authorities = await openAuthorities(at(clock.now()));

  const renewIssuer = async (): Promise<void> => {
    const nowMs = clock.now();
    // A root that is about to end would only make issuers that end with it.
    const rootEndMs = authorities.root.certificate.validToDate.getTime();
    const issuerEndMs = authorities.issuer.certificate.validToDate.getTime();
    if (authorityAge(authorities.issuer, nowMs) === 'young' || issuerEndMs >= rootEndMs) return;
    authorities = await replaceIssuer(authorities, at(nowMs));
    const notAfterMs = authorities.issuer.certificate.validToDate.getTime();
    logger.info(
      { event: 'issuer-renewed', notAfterMs },
      `a new issuer signs certificates until ${new Date(notAfterMs).toISOString()}`,
    );
  };

  const ca: CertificateAuthority = {
    trustDomain,
    rootDigest: rootDigest(authorities.root.certificate),
    bundle: () => authorities.bundle,
    issuerNotAfterMs: () => authorities.issuer.certificate.validToDate.getTime(),

    async issue({ publicKey, spiffeId, lifetimeMs, proof, backdateMs, alongside }) {
      const { issuer, bundle } = authorities;
      const issuedMs = clock.now();
      const leaf = issueLeaf(issuer, {
        publicKey,
        spiffeId,
        lifetimeMs,
        nowMs: issuedMs,
        ...(backdateMs === undefined ? {} : { backdateMs }),
      });
      const issuance: Issuance = {
        serial: leaf.serialNumber.toLowerCase(),
        spiffeId: spiffeId.uri,
        issuedMs,
        notAfterMs: leaf.validToDate.getTime(),
        proof: proof.kind,
        ...ancestryOf(proof),
      };
      const { succeeded } = await store.transact(alongside?.compares ?? [], [
        ...(alongside?.operations ?? []),
        ...recordIssuance(issuance, spiffeId),
      ]);
      return succeeded ? { chain: [leaf, issuer.certificate], bundle, issuance } : undefined;
    },

    issuances: (query) => listIssuances(store, query),
    issuancesOf: (scope) => issuancesOf(store, scope),
    issuanceBySerial: (serial) => issuanceBySerial(store, serial),
    issuanceOf: (certificate, spiffeId) => issuanceOf(store, certificate, spiffeId),

    health() {
      const judged = [
        judge('issuer', authorities.issuer, clock.now()),
        judge('root', authorities.root, clock.now()),
      ];
      return {
        ok: judged.every(({ ok }) => ok),
        reasons: judged.flatMap(({ reasons }) => reasons),
      };
    },

    async maintain() {
      try {
        await renewIssuer();
      } catch (error) {
        logger.error(
          { event: 'issuer-renewal-failed', err: error },
          `the next issuer could not be made, the present one stays: ${describeError(error)}`,
        );
      }
      for (const reason of ca.health().reasons) {
        logger.warn({ event: 'authority-near-end' }, reason);
      }
      await pruneIssuances(store, clock.now());
    },
  };
  await renewIssuer();
  return ca;
}

/** What a certificate goes back to. */
function ancestryOf(proof: Proof): Pick<Issuance, 'tokenId' | 'renewedFrom'> {
  switch (proof.kind) {
    case 'token':
      return { tokenId: proof.tokenId };
    case 'renewal':
      return { tokenId: proof.of?.tokenId, renewedFrom: proof.of?.serial };
    case 'self':
      return {};
  }
}

function judge(name: string, authority: Authority, nowMs: number): CaHealth {
  const until = authority.certificate.validToDate.toISOString();
  switch (authorityAge(authority, nowMs)) {
    case 'expired':
      return { ok: false, reasons: [`the ${name} expired at ${until}: nothing can be issued`] };
    case 'near-end':
      return { ok: true, reasons: [`the ${name} expires at ${until}`] };
    case 'renewable':
    case 'young':
      return { ok: true, reasons: [] };
  }
}
