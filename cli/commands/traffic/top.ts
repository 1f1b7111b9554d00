import { setting } from '../../../common/config/settings.ts';
import { choice, durationSeconds, integer } from '../../../common/config/values.ts';
import { listenForInterrupt } from '../../../common/process/interrupt.ts';
import { pairEdges } from '../../../common/wire/traffic/edge-pairs.ts';
import type { WatchTrafficResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import { fitTable, widthOf } from '../../output/fit-table.ts';
import { createLiveView } from '../../output/live-view.ts';
import { missingSentences } from '../../traffic/collect.ts';
import { edgeDocument, EDGE_COLUMNS, edgeRows, type EdgeRow } from '../../traffic/edge-report.ts';
import { count as countOf } from '../../check/finding.ts';
import { adminCommand, type AdminContext } from '../../admin/admin-command.ts';
import { servicesOf, TRAFFIC_SETTINGS } from './settings.ts';

const { from, to, secured, requests, success, failures } = EDGE_COLUMNS;
const { p50, p99, open, connections, sent, received } = EDGE_COLUMNS;
const COLUMNS = [
  from,
  to,
  secured,
  requests,
  success,
  failures,
  p50,
  p99,
  open,
  connections,
  sent,
  received,
];

const ORDERS = {
  requests: ({ requestsPerSecond, connectionsPerSecond }) =>
    requestsPerSecond || connectionsPerSecond / 1e6,
  connections: ({ connectionsPerSecond }) => connectionsPerSecond,
  failures: ({ failuresPerSecond }) => failuresPerSecond,
  latency: ({ p99: slowest = 0 }) => slowest,
  bytes: ({ sentPerSecond, receivedPerSecond }) => sentPerSecond + receivedPerSecond,
} satisfies Readonly<Record<string, (row: EdgeRow) => number>>;

type Order = keyof typeof ORDERS;

/** Lines of a picture that are no rows: the line above, the header, and what may be missing. */
const OTHER_LINES = 3;

/** `hauberk top` */
export const run = adminCommand(
  {
    name: 'hauberk top',
    summary:
      'Shows the busiest edges of the mesh, live: who calls whom, how often, how fast, and what fails. Ctrl+C ends it, and with it the reports of the sidecars.',
    settings: {
      ...TRAFFIC_SETTINGS,
      sort: setting(choice(Object.keys(ORDERS) as Order[]).default('requests'), {
        description: `what the first rows have most of: ${Object.keys(ORDERS).join(', ')}`,
        placeholder: 'FIGURE',
      }),
      interval: setting(durationSeconds({ min: 1, max: 60 }).default(2), {
        description: 'time between two pictures',
        placeholder: 'TIME',
        defaultText: '2s',
      }),
      count: setting(integer({ min: 1, max: 1_000_000 }).optional(), {
        description: 'number of pictures after which it ends',
        placeholder: 'NUMBER',
      }),
    },
    examples: [
      { purpose: 'what fails most', line: 'hauberk top --sort failures' },
      { purpose: 'one document for a program', line: 'hauberk top --json --count 1' },
    ],
  },
  async (client, settings, context) => {
    using interrupt = listenForInterrupt();
    const { sort, interval, count = Infinity, json } = settings;
    const request = {
      services: servicesOf(settings.service, settings.namespace),
      intervalMs: interval * 1_000,
      historySeconds: 0,
      local: false,
    };
    const show = createView(context);
    let shown = 0;
    for await (const response of client.watchTraffic(request, interrupt.signal)) {
      const seconds = (response.toMs - response.fromMs) / 1_000;
      const pairs = pairEdges(response.edges);
      const rows = edgeRows(pairs, seconds, client.trustDomain).toSorted(
        (a, b) => ORDERS[sort](b) - ORDERS[sort](a) || a.from.localeCompare(b.from),
      );
      if (json) {
        const document = { edges: rows.map(edgeDocument), seconds };
        context.stdout.write(`${JSON.stringify(document)}\n`);
      } else show(rows, response, sort);
      shown += 1;
      if (shown >= count) break;
    }
    return '';
  },
);

/** Writes pictures of the rows that the terminal has room for. */
function createView({
  stdout,
}: AdminContext): (rows: readonly EdgeRow[], response: WatchTrafficResponse, sort: Order) => void {
  const view = createLiveView(stdout);
  return (rows, response, sort) => {
    const shown = rows.slice(0, Math.max(1, view.height - OTHER_LINES));
    const more = rows.length - shown.length;
    view.show(
      [
        `${countOf(rows.length, 'edge')}, ${response.reporting} of ${response.sidecars} sidecars report, by ${sort}`,
        ...(more > 0 ? [` (${more} more)`] : []),
        '\n',
        missingSentences(response),
        fitTable(COLUMNS, shown, widthOf(stdout)),
      ].join(''),
    );
  };
}
