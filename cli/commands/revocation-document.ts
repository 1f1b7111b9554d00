import type { RevocationInfo } from '../client.ts';
import { toTimestamp } from '../output/relative-time.ts';

/** A revocation as `--json` prints it; docs/json-output.md describes it. */
export function revocationDocument(revocation: RevocationInfo): object {
  const { namespace, service, serial, revokedMs, readmittedMs, expiresMs } = revocation;
  return {
    namespace,
    service,
    serial: serial ?? null,
    revokedAt: toTimestamp(revokedMs),
    readmittedAt: readmittedMs === undefined ? null : toTimestamp(readmittedMs),
    lastExpiresAt: toTimestamp(expiresMs),
  };
}
