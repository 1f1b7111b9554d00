import { HauberkError } from '../errors.ts';

/** Why the PKI refused something; the codes appear in metrics and logs. */
export type PkiErrorCode =
  | 'spiffe-id'
  | 'san-missing'
  | 'san-multiple'
  | 'signing-certificate'
  | 'csr-malformed'
  | 'csr-key-unsupported'
  | 'csr-signature'
  | 'certificate-malformed'
  | 'authority-expired'
  | 'key-mismatch';

/** Thrown by `common/pki`. */
export class PkiError extends HauberkError<PkiErrorCode> {}
