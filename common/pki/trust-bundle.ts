import type { X509Certificate } from 'node:crypto';
import { toPem } from './pem.ts';

/** The roots to trust for one trust domain; the version grows with every change. */
export interface TrustBundle {
  readonly trustDomain: string;
  readonly version: number;
  readonly roots: readonly X509Certificate[];
  /**
   * Former roots whose key is in the wrong hands. Whoever leads to one of them is not to be believed
   * any more, also on a connection that was made before.
   */
  readonly withdrawn?: readonly X509Certificate[];
}

/** The roots as PEM, the form that other tools take. */
export function encodeBundlePem(bundle: TrustBundle): string {
  return toPem(bundle.roots);
}
