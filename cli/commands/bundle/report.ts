import type { FederatedDomain } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { BundleInfo } from '../../admin/client.ts';
import { formatMoment, formatSpan, toTimestamp } from '../../output/relative-time.ts';
import { formatTable } from '../../output/table.ts';

/** The bundle for people. */
export function bundleReport({ roots, federated }: BundleInfo, nowMs: number): string {
  const own = formatTable(
    ['ROOT', 'WHOSE', 'EXPIRES', 'SUBJECT'],
    roots.map(({ digest, added, notAfterMs, subject }) => [
      digest,
      added ? 'added' : 'the mesh',
      formatMoment(notAfterMs, nowMs),
      subject,
    ]),
  );
  return federated.length === 0 ? own : `${own}\n${federatedReport(federated, nowMs)}`;
}

/** Other trust domains for people. */
export function federatedReport(federated: readonly FederatedDomain[], nowMs: number): string {
  return formatTable(
    ['TRUST DOMAIN', 'ROOTS', 'FROM', 'REFRESHED'],
    federated.map(({ trustDomain, roots, url = 'a file', refreshedMs }) => [
      trustDomain,
      roots.length,
      url,
      refreshedMs === undefined ? '' : `${formatSpan(nowMs - refreshedMs)} ago`,
    ]),
  );
}

/** One line for each trust domain whose bundle cannot be refreshed. */
export function federationComplaints(federated: readonly FederatedDomain[], nowMs: number): string {
  return federated
    .flatMap(({ trustDomain, failingSinceMs, failure = '' }) =>
      failingSinceMs === undefined
        ? []
        : `the bundle of ${trustDomain} has not been refreshed for ${formatSpan(nowMs - failingSinceMs)}: ${failure}\n`,
    )
    .join('');
}

/** The bundle as `--json` prints it; docs/json-output.md describes it. */
export function bundleDocument(bundle: BundleInfo): Readonly<Record<string, unknown>> {
  const { version, roots, federated } = bundle;
  return { version, roots: roots.map(rootDocument), federated: federated.map(federatedDocument) };
}

/** Another trust domain as `--json` prints it. */
export function federatedDocument(federated: FederatedDomain): Readonly<Record<string, unknown>> {
  const { trustDomain, roots, url, endpointId, sequence, refreshedMs, failingSinceMs } = federated;
  return {
    trustDomain,
    roots: roots.map(rootDocument),
    url: url ?? null,
    endpointId: endpointId ?? null,
    sequence: sequence ?? null,
    refreshedAt: refreshedMs === undefined ? null : toTimestamp(refreshedMs),
    failure:
      failingSinceMs === undefined
        ? null
        : { since: toTimestamp(failingSinceMs), reason: federated.failure ?? '' },
  };
}

function rootDocument({ digest, added, notAfterMs, subject }: BundleInfo['roots'][number]) {
  return { digest, added, notAfter: toTimestamp(notAfterMs), subject };
}
