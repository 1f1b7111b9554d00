import type { ControlPlane } from '../../proto/gen/hauberk/v1/admin.ts';
import { formatSpan, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';

const HEADER = ['CONTROL PLANE', 'ADDRESS', 'LEADS', 'UP', 'SIDECARS', 'VIEW', 'ACKNOWLEDGED'];

/** The control planes with an empty line after them, where there are several: of one there is nothing to tell. */
export function controlPlaneTable(controlPlanes: readonly ControlPlane[], nowMs: number): string {
  if (controlPlanes.length < 2) return '';
  const rows = controlPlanes.map((one) => [
    one.id,
    one.addresses[0] ?? '',
    one.leads ? 'yes' : 'no',
    formatSpan(nowMs - one.startedMs),
    one.sidecars,
    one.viewVersion,
    one.acknowledgedVersion,
  ]);
  return `${formatTable(HEADER, rows)}\n`;
}

/** A control plane as `--json` prints it; docs/json-output.md describes it. */
export function controlPlaneDocument(
  one: ControlPlane,
): Readonly<Record<string, string | number | boolean | readonly string[]>> {
  return {
    id: one.id,
    addresses: one.addresses,
    leads: one.leads,
    startedAt: toTimestamp(one.startedMs),
    sidecars: one.sidecars,
    viewVersion: one.viewVersion,
    acknowledgedVersion: one.acknowledgedVersion,
    version: one.softwareVersion,
  };
}
