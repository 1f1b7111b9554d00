import type { BundleInfo } from '../client-bundle.ts';
import { formatMoment, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';

/** The bundle for people. */
export function bundleReport({ roots }: BundleInfo, nowMs: number): string {
  return formatTable(
    ['ROOT', 'WHOSE', 'EXPIRES', 'SUBJECT'],
    roots.map(({ digest, added, notAfterMs, subject }) => [
      digest,
      added ? 'added' : 'the mesh',
      formatMoment(notAfterMs, nowMs),
      subject,
    ]),
  );
}

/** The bundle as `--json` prints it; docs/json-output.md describes it. */
export function bundleDocument({ version, roots }: BundleInfo): Readonly<Record<string, unknown>> {
  return {
    version,
    roots: roots.map(({ digest, added, notAfterMs, subject }) => ({
      digest,
      added,
      notAfter: toTimestamp(notAfterMs),
      subject,
    })),
  };
}
