import type { X509Certificate } from 'node:crypto';
import type { WorkloadIdentity } from '../identity/source.ts';

/**
 * True when a tunnel should be replaced because a handshake today would differ in what matters: our
 * leaf is another one, or a root that its peer may have been trusted by is no longer trusted. A root
 * that was added takes nothing back.
 */
export function isStale(madeWith: WorkloadIdentity, current: WorkloadIdentity): boolean {
  if (madeWith === current) return false;
  if (!sameCertificate(madeWith.chain[0], current.chain[0])) return true;
  return madeWith.bundle.roots.some(
    (root) => !current.bundle.roots.some((other) => sameCertificate(root, other)),
  );
}

function sameCertificate(a: X509Certificate, b: X509Certificate): boolean {
  return a === b || a.raw.equals(b.raw);
}
