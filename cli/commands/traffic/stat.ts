import { fitTable, widthOf, type Column } from '../../output/fit-table.ts';
import { formatBytes, formatRate, formatSeconds, formatShare } from '../../traffic/figures.ts';
import { mainFailure } from '../../traffic/edge-report.ts';
import { serviceDocument, serviceRows, type ServiceRow } from '../../traffic/service-report.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import { collectWindow, WINDOW_SETTINGS } from './settings.ts';

const COLUMNS: readonly Column<ServiceRow>[] = [
  { header: 'SERVICE', cell: ({ name }) => name, rank: 0 },
  { header: 'INSTANCES', cell: ({ instances }) => instances, rank: 5 },
  { header: 'REQUESTS/S', cell: (row) => formatRate(row.requestsPerSecond), rank: 0 },
  { header: 'SUCCESS', cell: ({ successShare }) => formatShare(successShare), rank: 0 },
  { header: 'FAILURES', cell: mainFailure, rank: 3 },
  { header: 'P50', cell: ({ p50 }) => formatSeconds(p50), rank: 2 },
  { header: 'P95', cell: ({ p95 }) => formatSeconds(p95), rank: 4 },
  { header: 'P99', cell: ({ p99 }) => formatSeconds(p99), rank: 1 },
  { header: 'OPEN', cell: ({ connectionsOpen }) => connectionsOpen, rank: 6 },
  { header: 'CONNECTIONS/S', cell: (row) => formatRate(row.connectionsPerSecond), rank: 7 },
  { header: 'RECEIVED', cell: (row) => formatBytes(row.sentPerSecond), rank: 8 },
  { header: 'SENT', cell: (row) => formatBytes(row.receivedPerSecond), rank: 8 },
];

/** `hauberk stat` */
export const run = adminCommand(
  {
    name: 'hauberk stat',
    summary:
      'Shows what each service is asked, and how that goes: requests, share of success, latency, connections and bytes. Sidecars tell of it while the command runs.',
    settings: WINDOW_SETTINGS,
    examples: [
      { purpose: 'all services', line: 'hauberk stat' },
      {
        purpose: 'one of them, over half a minute',
        line: 'hauberk stat --service api --window 30s',
      },
    ],
  },
  async (client, { json, ...settings }, context) => {
    const collected = await collectWindow(client, settings, context.stderr);
    if (collected === undefined) return '';
    const { edges, seconds } = collected;
    const rows = serviceRows(edges, seconds, client.trustDomain);
    if (json) return { services: rows.map(serviceDocument), seconds };
    if (rows.length === 0)
      context.stderr.write('no service was called since its sidecar started\n');
    return rows.length === 0 ? '' : fitTable(COLUMNS, rows, widthOf(context.stdout));
  },
);
