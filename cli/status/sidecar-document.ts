import { NO_REPORT } from '../../common/wire/report.ts';
import type { WorkloadInfo } from '../admin/client.ts';
import { toTimestamp } from '../output/relative-time.ts';

/** A sidecar as `--json` prints it; docs/json-output.md describes it. */
export function sidecarDocument(sidecar: WorkloadInfo, nowMs: number): object {
  const { connectedSinceMs, certificateSerial, certificateNotAfterMs } = sidecar;
  const { plaintext = NO_REPORT.plaintext } = sidecar;
  const hasCertificate = certificateSerial !== '' && certificateNotAfterMs !== 0;
  return {
    namespace: sidecar.namespace,
    service: sidecar.service,
    instance: sidecar.instanceId,
    address: sidecar.addresses[0] ?? '',
    addresses: sidecar.addresses,
    provenAddresses: sidecar.provenAddresses,
    conflicts: sidecar.contests,
    port: sidecar.hbonePort,
    exposedPorts: sidecar.ports,
    exposesAnyPort: sidecar.anyPort,
    allow:
      sidecar.localAllow?.allowances.map(({ port, service, namespace }) => ({
        port,
        caller: `${service}.${namespace}`,
      })) ?? null,
    connected: sidecar.connected,
    connectedSince: connectedSinceMs === undefined ? null : toTimestamp(connectedSinceMs),
    certificate: hasCertificate
      ? {
          serial: certificateSerial,
          notAfter: toTimestamp(certificateNotAfterMs),
          secondsLeft: Math.floor((certificateNotAfterMs - nowMs) / 1_000),
        }
      : null,
    openConnections: sidecar.openConnections,
    openTunnels: sidecar.openTunnels,
    totalConnections: sidecar.totalConnections,
    plaintext: {
      connections: plaintext.connections,
      flows: plaintext.flows,
      mostUsed: plaintext.mostUsed.map(({ inbound, address, port, connections }) => ({
        direction: inbound ? 'inbound' : 'outbound',
        address,
        port,
        connections,
      })),
    },
    egress: sidecar.egress,
    missingUpstreams: sidecar.missingUpstreams,
    viewVersion: told(sidecar.acknowledgedVersion),
    bundleVersion: told(sidecar.bundleVersion),
    controlPlane: sidecar.controlPlane ?? null,
    version: sidecar.softwareVersion,
  };
}

/** Versions count from 1: 0 is that of a sidecar that has not told, or is away. */
function told(version: number): number | null {
  return version === 0 ? null : version;
}
