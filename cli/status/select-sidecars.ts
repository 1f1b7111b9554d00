import { NO_REPORT } from '../../common/wire/report.ts';
import type { ServiceName } from '../../proto/gen/hauberk/v1/identity.ts';
import type { WorkloadInfo } from '../admin/client.ts';

/** Negative when the first comes before the second; 0 leaves it to their names. */
type Compare = (a: WorkloadInfo, b: WorkloadInfo) => number;

const most =
  (figure: (sidecar: WorkloadInfo) => number): Compare =>
  (a, b) =>
    figure(b) - figure(a);

/** In what is looked for, what needs an operator most comes first. */
const ORDERS = {
  service: () => 0,
  namespace: (a, b) => compareText(a.namespace, b.namespace),
  // Those that are away, then those that came last.
  connected: (a, b) => sinceMs(b) - sinceMs(a),
  // What expires first; a sidecar without a certificate has the end of its life behind it.
  certificate: (a, b) => a.certificateNotAfterMs - b.certificateNotAfterMs,
  connections: most(({ openConnections }) => openConnections),
  plaintext: most(({ plaintext = NO_REPORT.plaintext }) => plaintext.connections),
  // The oldest, as numbers: 0.9 comes before 0.10.
  version: (a, b) => a.softwareVersion.localeCompare(b.softwareVersion, 'en', { numeric: true }),
} satisfies Readonly<Record<string, Compare>>;

/** What the rows of `hauberk status` can be sorted by. */
export type SidecarOrder = keyof typeof ORDERS;

/** Their names. */
export const SIDECAR_ORDERS = Object.keys(ORDERS) as readonly SidecarOrder[];

/** Which sidecars are wanted, and in which order. */
export interface SidecarSelection {
  /** Those of one of these services; none: of all. Without a namespace, of a service in any. */
  readonly services: readonly (Pick<ServiceName, 'service'> & {
    readonly namespace: string | undefined;
  })[];
  readonly namespace: string | undefined;
  readonly sort: SidecarOrder;
}

/** The sidecars that are wanted; those that are equal in what is sorted by are in the order of their names. */
export function selectSidecars(
  sidecars: readonly WorkloadInfo[],
  { services, namespace, sort }: SidecarSelection,
): readonly WorkloadInfo[] {
  const fits = (sidecar: WorkloadInfo): boolean =>
    (namespace === undefined || sidecar.namespace === namespace) &&
    (services.length === 0 ||
      services.some(
        (one) =>
          one.service === sidecar.service &&
          (one.namespace === undefined || one.namespace === sidecar.namespace),
      ));
  return sidecars.filter(fits).toSorted((a, b) => ORDERS[sort](a, b) || compareNames(a, b));
}

function compareNames(a: WorkloadInfo, b: WorkloadInfo): number {
  return (
    compareText(a.service, b.service) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.instanceId, b.instanceId)
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Later than any moment for one that is away. */
function sinceMs({ connected, connectedSinceMs = 0 }: WorkloadInfo): number {
  return connected ? connectedSinceMs : Number.MAX_SAFE_INTEGER;
}
