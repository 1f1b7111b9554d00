import type { Health } from '../../common/metrics/telemetry-server.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';

/** What being ready hangs on. */
export interface ReadinessOptions {
  readonly ca: Pick<CertificateAuthority, 'health'>;
  /** Why nothing can be written, when that is so. */
  readonly writable: { readonly problem: string | undefined };
  readonly isDraining: () => boolean;
}

/** Says whether certificates can be issued, and what prevents it. */
export function createReadiness({ ca, writable, isDraining }: ReadinessOptions): () => Health {
  return () => {
    const { ok, reasons } = ca.health();
    const problems = [
      ...(isDraining() ? ['the control plane is shutting down'] : []),
      ...(writable.problem === undefined ? [] : [`nothing can be issued: ${writable.problem}`]),
    ];
    return { ok: ok && problems.length === 0, reasons: [...problems, ...reasons] };
  };
}
