import type { X509Certificate } from 'node:crypto';
import type { EpochMs } from '../clock.ts';

/** Certificates that are no longer trusted, although they are valid. */
export interface Revocation {
  /** Whose they are. */
  readonly spiffeId: string;
  /** One certificate, in lower-case hexadecimal; undefined: all of the identity. */
  readonly serial?: string | undefined;
  /**
   * Of an identity: only certificates whose NotBefore is not later than this, because it was
   * readmitted since. In milliseconds since the epoch; undefined: all of them.
   */
  readonly notBeforeMs?: EpochMs | undefined;
  /** When the last certificate that it concerns has expired, in milliseconds since the epoch. */
  readonly expiresMs: EpochMs;
}

/** What a revocation is held against. */
export type JudgedCertificate = Pick<X509Certificate, 'serialNumber' | 'validFromDate'>;

/** All revocations at one moment; immutable, replaced as a whole. */
export class RevocationList {
  static readonly EMPTY = new RevocationList([]);

  readonly all: readonly Revocation[];
  readonly #serials = new Map<string, Revocation>();
  readonly #identities = new Map<string, Revocation>();

  constructor(revocations: readonly Revocation[]) {
    this.all = revocations;
    for (const revocation of revocations) {
      const { serial, spiffeId } = revocation;
      if (serial === undefined) this.#identities.set(spiffeId, revocation);
      else this.#serials.set(serial, revocation);
    }
  }

  /**
   * The revocation that concerns a certificate.
   *
   * @param spiffeId the one that the certificate shows, as a URI
   */
  find(spiffeId: string, certificate: JudgedCertificate): Revocation | undefined {
    const ofIdentity = this.#identities.get(spiffeId);
    if (ofIdentity !== undefined) {
      const { notBeforeMs = Infinity } = ofIdentity;
      if (certificate.validFromDate.getTime() <= notBeforeMs) return ofIdentity;
    }
    return this.#serials.get(serialOf(certificate));
  }

  /** Without those that concern only certificates which have expired; itself when there are none. */
  without(expiredMs: EpochMs): RevocationList {
    const left = this.all.filter(({ expiresMs }) => expiresMs > expiredMs);
    return left.length === this.all.length ? this : new RevocationList(left);
  }
}

/** The serial number as the issuance log and `hauberk certs` write it. */
export function serialOf({ serialNumber }: Pick<X509Certificate, 'serialNumber'>): string {
  return serialNumber.toLowerCase();
}
