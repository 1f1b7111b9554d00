import { formatHostPort } from '../../common/network/listen.ts';
import { NO_REPORT } from '../../common/wire/report.ts';
import type { WorkloadInfo } from '../admin/client.ts';
import { fitTable, type Column } from '../output/fit-table.ts';
import { formatSpan } from '../output/relative-time.ts';

/** Enough of a serial number to tell two apart. */
const SERIAL_DIGITS = 12;

/** Enough of the ports to see which they are. */
const PORTS_SHOWN = 8;

/** The sidecars in as many columns as fit the width, the most important ones. */
export function sidecarTable(
  sidecars: readonly WorkloadInfo[],
  nowMs: number,
  width: number | undefined,
): string {
  return fitTable(sidecarColumns(nowMs), sidecars, width);
}

/** The same for sidecars of one service, whose name stands above: their instances tell them apart. */
export function instanceTable(
  sidecars: readonly WorkloadInfo[],
  nowMs: number,
  width: number | undefined,
): string {
  const [, , instance, ...columns] = sidecarColumns(nowMs);
  return fitTable([{ ...instance, rank: 0 }, ...columns], sidecars, width);
}

type SidecarColumn = Column<WorkloadInfo>;

function sidecarColumns(
  nowMs: number,
): readonly [SidecarColumn, SidecarColumn, SidecarColumn, ...SidecarColumn[]] {
  return [
    { header: 'SERVICE', cell: ({ service }) => service, rank: 0 },
    { header: 'NAMESPACE', cell: ({ namespace }) => namespace, rank: 0 },
    { header: 'INSTANCE', cell: ({ instanceId }) => instanceId, rank: 4 },
    { header: 'ADDRESS', cell: formatPlace, rank: 0 },
    { header: 'PORTS', cell: exposedPorts, rank: 1 },
    { header: 'CONNECTED', cell: (sidecar) => connectedFor(sidecar, nowMs), rank: 0 },
    { header: 'CERTIFICATE', cell: shortSerial, rank: 7 },
    { header: 'TIME LEFT', cell: (sidecar) => timeLeft(sidecar, nowMs), rank: 0 },
    { header: 'CONNECTIONS', cell: ({ openConnections }) => openConnections, rank: 5 },
    { header: 'TUNNELS', cell: ({ openTunnels }) => openTunnels, rank: 6 },
    { header: 'PLAINTEXT', cell: plaintextConnections, rank: 2 },
    { header: 'VIEW', cell: ({ acknowledgedVersion: version }) => version || '', rank: 8 },
    { header: 'BUNDLE', cell: ({ bundleVersion: version }) => version || '', rank: 8 },
    { header: 'VERSION', cell: ({ softwareVersion }) => softwareVersion, rank: 3 },
  ];
}

/** The preferred address, and how many more there are; without a port that of a gateway, which peers do not call. */
export function formatPlace({
  addresses,
  hbonePort,
}: Pick<WorkloadInfo, 'addresses' | 'hbonePort'>): string {
  const [preferred = '', ...others] = addresses;
  const place = hbonePort === 0 ? preferred : formatHostPort(preferred, hbonePort);
  return others.length === 0 ? place : `${place} +${others.length}`;
}

/** The ports that peers may reach, without spaces, so that a column stays one word. */
export function exposedPorts({ anyPort, ports }: Pick<WorkloadInfo, 'anyPort' | 'ports'>): string {
  if (anyPort) return 'any';
  const more = ports.length > PORTS_SHOWN ? [`+${ports.length - PORTS_SHOWN}`] : [];
  return [...ports.slice(0, PORTS_SHOWN), ...more].join(',');
}

/** Since when it is connected, as a span; `no` when it is not. */
function connectedFor(
  { connected, connectedSinceMs }: Pick<WorkloadInfo, 'connected' | 'connectedSinceMs'>,
  nowMs: number,
): string {
  return connected ? formatSpan(nowMs - (connectedSinceMs ?? nowMs)) : 'no';
}

/** The remaining life of its certificate; empty when it has none. */
function timeLeft(
  { certificateNotAfterMs: notAfterMs }: Pick<WorkloadInfo, 'certificateNotAfterMs'>,
  nowMs: number,
): string {
  if (notAfterMs === 0) return '';
  return notAfterMs > nowMs ? formatSpan(notAfterMs - nowMs) : 'expired';
}

/** The beginning of the serial number of its certificate. */
function shortSerial({ certificateSerial }: Pick<WorkloadInfo, 'certificateSerial'>): string {
  return certificateSerial.slice(0, SERIAL_DIGITS);
}

function plaintextConnections({ plaintext = NO_REPORT.plaintext }: WorkloadInfo): number {
  return plaintext.connections;
}
