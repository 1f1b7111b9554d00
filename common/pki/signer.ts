import type { KeyObject, X509Certificate } from 'node:crypto';
import { translating } from '../errors.ts';
import { certificateDetails } from './der/certificate-details.ts';
import { octetStringBytes, sequence, type DerNode } from './der/der.ts';
import { EXTENSION_OIDS } from './der/extensions.ts';
import { PkiError } from './pki-error.ts';
import type { SignatureAlgorithm } from './der/signature-algorithm.ts';

/** What a certificate takes from the one who signs it. */
export interface Signer {
  readonly name: DerNode;
  readonly keyId: Uint8Array;
  readonly privateKey: KeyObject;
  readonly algorithm: SignatureAlgorithm;
}

/** A certificate authority: a certificate, and what it signs with. */
export interface Authority extends Signer {
  readonly certificate: X509Certificate;
}

/**
 * How an authority is named in what it signs.
 *
 * @throws PkiError `certificate-malformed` when the certificate has no subjectKeyIdentifier
 */
export function subjectOf(certificate: X509Certificate): Pick<Signer, 'name' | 'keyId'> {
  const sentence = 'expected an authority certificate of version 3 with a subjectKeyIdentifier';
  return translating(
    () => {
      const { subject, extensions } = certificateDetails(certificate);
      const keyId = octetStringBytes(extensions.get(EXTENSION_OIDS.subjectKeyIdentifier)?.value);
      if (keyId === undefined) throw new Error('expected a subjectKeyIdentifier');
      return { name: sequence(...subject), keyId };
    },
    (cause) => new PkiError('certificate-malformed', sentence, { cause }),
  );
}
