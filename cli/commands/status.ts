import { formatHostPort } from '../../common/listen.ts';
import { NO_REPORT } from '../../common/wire/report.ts';
import type { WorkloadInfo } from '../client.ts';
import { formatSpan, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { federatedDocument, federationComplaints } from './bundle-report.ts';
import { adminCommand } from './admin-command.ts';
import { controlPlaneDocument, controlPlaneTable } from './control-plane-report.ts';

const HEADER = [
  'SERVICE',
  'NAMESPACE',
  'INSTANCE',
  'ADDRESS',
  'CONNECTED',
  'CERTIFICATE',
  'TIME LEFT',
  'CONNECTIONS',
  'TUNNELS',
  'PLAINTEXT',
];

/** Enough of a serial number to tell two apart. */
const SERIAL_DIGITS = 12;

const NOT_ENCRYPTED =
  'the private keys of the mesh are not encrypted: see `hauberk ca rekey --help`\n';

/** `hauberk status` */
export const run = adminCommand(
  {
    name: 'hauberk status',
    summary:
      'Lists the sidecars that the control plane knows: identity, address, whether they are connected, certificate and the time it has left, connections carried, connections in plaintext, and failures of connections to servers outside.',
    examples: [
      { purpose: 'the whole mesh', line: 'hauberk status' },
      {
        purpose: 'certificates that end within ten minutes',
        line: "hauberk status --json | jq '.sidecars[] | select(.certificate.secondsLeft < 600)'",
      },
    ],
  },
  async (client, { json }, context) => {
    const { workloads, keysEncrypted, federated, controlPlanes } = await client.status();
    const nowMs = context.clock.epochMs();
    if (json) {
      const sidecars = workloads.map((one) => sidecarDocument(one, nowMs));
      return {
        sidecars,
        keysEncrypted,
        federated: federated.map(federatedDocument),
        controlPlanes: controlPlanes.map(controlPlaneDocument),
      };
    }
    if (!keysEncrypted) context.stderr.write(NOT_ENCRYPTED);
    context.stderr.write(federationComplaints(federated, nowMs));
    if (workloads.length === 0) context.stderr.write('no sidecar has joined yet\n');
    return [
      controlPlaneTable(controlPlanes, nowMs),
      formatTable(
        HEADER,
        workloads.map((one) => sidecarRow(one, nowMs)),
      ),
      ...DETAILS.map((detail) => detailTable(detail, workloads)),
    ].join('');
  },
);

function sidecarRow(sidecar: WorkloadInfo, nowMs: number): (string | number)[] {
  const { connectedSinceMs, certificateNotAfterMs, plaintext = NO_REPORT.plaintext } = sidecar;
  return [
    sidecar.service,
    sidecar.namespace,
    sidecar.instanceId,
    formatPlace(sidecar),
    sidecar.connected ? formatSpan(nowMs - (connectedSinceMs ?? nowMs)) : 'no',
    sidecar.certificateSerial.slice(0, SERIAL_DIGITS),
    certificateNotAfterMs === 0 ? '' : timeLeft(certificateNotAfterMs, nowMs),
    sidecar.openConnections,
    sidecar.openTunnels,
    plaintext.connections,
  ];
}

/** The preferred address, and how many more there are; without a port that of a gateway, which peers do not call. */
function formatPlace({ addresses, hbonePort }: WorkloadInfo): string {
  const [preferred = '', ...others] = addresses;
  const place = hbonePort === 0 ? preferred : formatHostPort(preferred, hbonePort);
  return others.length === 0 ? place : `${place} +${others.length}`;
}

/** A table about some of the sidecars: each row begins with whose it is. */
interface Detail {
  readonly header: readonly string[];
  readonly rowsOf: (sidecar: WorkloadInfo) => readonly (readonly (string | number)[])[];
}

/** Enough of the ports to see which they are. */
const PORTS_SHOWN = 8;

const DETAILS: readonly Detail[] = [
  {
    // Addresses that two claim, and who of them keeps what is called there.
    header: ['CONFLICT AT', 'PORTS', 'HELD BY'],
    rowsOf: ({ contests }) =>
      contests.map(({ address, holder, ports }) => [address, formatPorts(ports), holder]),
  },
  {
    // What still passes without encryption, for an operator who wants to end it.
    header: ['PLAINTEXT', 'ADDRESS', 'PORT', 'CONNECTIONS'],
    rowsOf: ({ plaintext = NO_REPORT.plaintext }) =>
      plaintext.mostUsed.map(({ inbound, address, port, connections }) => [
        inbound ? 'from' : 'to',
        address,
        port,
        connections,
      ]),
  },
  {
    // The connections to servers outside, and what prevents them.
    header: ['OUTSIDE', 'CONDITION', 'WHY'],
    rowsOf: ({ egress }) =>
      egress.map(({ host, port, condition, why }) => [formatHostPort(host, port), condition, why]),
  },
  {
    // The upstreams that no sidecar serves: of services that are still to come, or typing errors.
    header: ['UPSTREAM', 'CONDITION'],
    rowsOf: ({ missingUpstreams }) =>
      missingUpstreams.map((upstream) => [upstream, 'no sidecar exposes it']),
  },
];

/** The table with an empty line before it; empty when there is nothing to tell. */
function detailTable({ header, rowsOf }: Detail, sidecars: readonly WorkloadInfo[]): string {
  const rows: (string | number)[][] = [];
  for (const sidecar of sidecars) {
    const { service, namespace } = sidecar;
    for (const row of rowsOf(sidecar)) rows.push([service, namespace, ...row]);
  }
  return rows.length === 0 ? '' : `\n${formatTable(['SERVICE', 'NAMESPACE', ...header], rows)}`;
}

function formatPorts(ports: readonly number[]): string {
  if (ports.length === 0) return 'all';
  const more = ports.length > PORTS_SHOWN ? ', …' : '';
  return ports.slice(0, PORTS_SHOWN).join(', ') + more;
}

function timeLeft(notAfterMs: number, nowMs: number): string {
  return notAfterMs > nowMs ? formatSpan(notAfterMs - nowMs) : 'expired';
}

/** A sidecar as `--json` prints it; docs/json-output.md describes it. */
function sidecarDocument(sidecar: WorkloadInfo, nowMs: number) {
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
    version: sidecar.softwareVersion,
  };
}
