import { formatHostPort } from '../../common/network/listen.ts';
import { isIP } from 'node:net';
import { figuresOf, type Edge, type EdgeFigures } from '../../common/wire/traffic/edge-pairs.ts';
import type { Column } from '../output/fit-table.ts';
import { formatBytes, formatRate, formatSeconds, formatShare } from './figures.ts';
import { shortName } from '../names/short-name.ts';

/** An edge with its figures, and names as people write them. */
export interface EdgeRow extends EdgeFigures {
  readonly edge: Edge;
  readonly from: string;
  readonly to: string;
}

/** Rows of edges over so many seconds. */
export function edgeRows(
  edges: readonly Edge[],
  seconds: number,
  trustDomain: string,
): readonly EdgeRow[] {
  return edges.map((edge) => {
    const from = shortName(edge.from, trustDomain);
    const to = placeOf(shortName(edge.to, trustDomain), edge.port);
    return Object.assign(figuresOf(edge, seconds), { edge, from, to });
  });
}

function placeOf(to: string, port: number): string {
  if (port === 0 || to.includes('://')) return to;
  return isIP(to) === 0 ? `${to}:${port}` : formatHostPort(to, port);
}

/** How an edge is protected. */
export function securityOf({ plaintext, to }: Pick<Edge, 'plaintext' | 'to'>): string {
  if (plaintext) return 'PLAINTEXT';
  return to.startsWith('tls://') ? 'TLS' : 'mTLS';
}

/** The reason that most failures have, and how many others there are. */
export function mainFailure({ failures }: Pick<EdgeFigures, 'failures'>): string {
  const [first, ...others] = failures;
  if (first === undefined) return '';
  return others.length === 0 ? first.reason : `${first.reason} +${others.length}`;
}

/** What `hauberk edges` and `hauberk top` show; the rank says what a narrow terminal leaves out first. */
export const EDGE_COLUMNS = {
  from: { header: 'FROM', cell: ({ from }) => from, rank: 0 },
  to: { header: 'TO', cell: ({ to }) => to, rank: 0 },
  secured: { header: 'SECURED', cell: ({ edge }) => securityOf(edge), rank: 0 },
  requests: {
    header: 'REQUESTS/S',
    cell: ({ requestsPerSecond }) => formatRate(requestsPerSecond),
    rank: 1,
  },
  success: { header: 'SUCCESS', cell: ({ successShare }) => formatShare(successShare), rank: 1 },
  failures: { header: 'FAILURES', cell: mainFailure, rank: 2 },
  p50: { header: 'P50', cell: ({ p50 }) => formatSeconds(p50), rank: 4 },
  p95: { header: 'P95', cell: ({ p95 }) => formatSeconds(p95), rank: 6 },
  p99: { header: 'P99', cell: ({ p99 }) => formatSeconds(p99), rank: 3 },
  open: { header: 'OPEN', cell: ({ connectionsOpen }) => connectionsOpen, rank: 5 },
  connections: {
    header: 'CONNECTIONS/S',
    cell: ({ connectionsPerSecond }) => formatRate(connectionsPerSecond),
    rank: 7,
  },
  total: { header: 'TOTAL', cell: ({ edge }) => edge.connectionsTotal, rank: 6 },
  sent: { header: 'SENT', cell: ({ sentPerSecond }) => formatBytes(sentPerSecond), rank: 8 },
  received: {
    header: 'RECEIVED',
    cell: ({ receivedPerSecond }) => formatBytes(receivedPerSecond),
    rank: 8,
  },
} satisfies Readonly<Record<string, Column<EdgeRow>>>;

/** An edge as `--json` prints it; docs/json-output.md describes it. */
export function edgeDocument({ edge, ...figures }: EdgeRow): object {
  const { caller, called } = edge;
  return {
    from: edge.from,
    to: edge.to,
    port: edge.port === 0 ? null : edge.port,
    security: securityOf(edge).toLowerCase(),
    connectionsTotal: edge.connectionsTotal,
    connectionsOpen: figures.connectionsOpen,
    connectionsPerSecond: figures.connectionsPerSecond,
    requestsPerSecond: figures.requestsPerSecond,
    failures: figures.failures.map(({ reason, count }) => ({ reason, count })),
    success: figures.successShare ?? null,
    p50Seconds: finite(figures.p50),
    p95Seconds: finite(figures.p95),
    p99Seconds: finite(figures.p99),
    sentBytesPerSecond: figures.sentPerSecond,
    receivedBytesPerSecond: figures.receivedPerSecond,
    reportedBy: [
      ...(caller === undefined ? [] : ['caller']),
      ...(called === undefined ? [] : ['called']),
    ],
  };
}

function finite(seconds: number | undefined): number | null {
  return seconds === undefined || !Number.isFinite(seconds) ? null : seconds;
}
