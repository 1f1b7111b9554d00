import type { Health } from '../../common/metrics/telemetry-server.ts';
import type { WithoutStore } from '../ca/without-store/issue-without-store.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { sayGone } from './without-store.ts';

/** What being ready hangs on. */
export interface ReadinessOptions {
  readonly ca: Pick<CertificateAuthority, 'health'>;
  /** Why nothing can be written, when that is so. */
  readonly writable: { readonly problem: string | undefined };
  readonly withoutStore: Pick<WithoutStore, 'allowed' | 'waiting'>;
  readonly isDraining: () => boolean;
}

/** Says whether certificates can be issued, and what prevents it. */
export function createReadiness({
  ca,
  writable,
  withoutStore,
  isDraining,
}: ReadinessOptions): () => Health {
  return () => {
    const { ok, reasons } = ca.health();
    const problems = [
      ...(isDraining() ? ['the control plane is shutting down'] : []),
      ...(writable.problem === undefined ? [] : [sayGone(writable.problem, withoutStore)]),
    ];
    return { ok: ok && problems.length === 0, reasons: [...problems, ...reasons] };
  };
}
