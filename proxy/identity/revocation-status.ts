import type { X509Certificate } from 'node:crypto';
import { RpcError, type RpcErrorCode } from '../../common/rpc/rpc-error.ts';

/** Whether the control plane has revoked the certificate in use. */
export interface RevocationStatus {
  /** Why it is revoked, as the control plane said; undefined while it is not. */
  readonly revoked: RpcError | undefined;
  /** Takes note of a refusal. True when it is news that the certificate in use was revoked. */
  refused(error: unknown): boolean;
  /** The control plane has taken it. */
  accepted(): void;
}

const REVOKED: ReadonlySet<RpcErrorCode> = new Set<RpcErrorCode>([
  'certificate-revoked',
  'identity-revoked',
]);

/**
 * Knows whether the certificate in use was revoked; another one begins with a clean record.
 *
 * @param leaf the one in use
 */
export function trackRevocation(leaf: () => X509Certificate): RevocationStatus {
  let known: { readonly leaf: X509Certificate; readonly error: RpcError } | undefined;
  const revoked = (): RpcError | undefined => (known?.leaf === leaf() ? known.error : undefined);
  return {
    get revoked() {
      return revoked();
    },
    refused(error) {
      if (!isRevocation(error)) return false;
      const isNews = revoked() === undefined;
      known = { leaf: leaf(), error };
      return isNews;
    },
    accepted() {
      known = undefined;
    },
  };
}

/** Whether a refusal says that the certificate, or the whole identity, was revoked. */
export function isRevocation(error: unknown): error is RpcError {
  return error instanceof RpcError && REVOKED.has(error.code);
}
