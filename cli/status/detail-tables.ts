import { formatHostPort } from '../../common/network/listen.ts';
import { NO_REPORT } from '../../common/wire/report.ts';
import type { WorkloadInfo } from '../admin/client.ts';
import { formatTable } from '../output/table.ts';

/** What is out of the ordinary with these sidecars, a table for each kind, with an empty line before it. */
export function detailTables(sidecars: readonly WorkloadInfo[]): string {
  return DETAILS.map((detail) => detailTable(detail, sidecars)).join('');
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
