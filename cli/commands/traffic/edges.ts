import { styleText } from 'node:util';
import { pairEdges } from '../../../common/wire/traffic/edge-pairs.ts';
import { fitTable, widthOf } from '../../output/fit-table.ts';
import { edgeDocument, EDGE_COLUMNS, edgeRows, type EdgeRow } from '../../traffic/edge-report.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import { collectWindow, WINDOW_SETTINGS } from './settings.ts';

const { from, to, secured, open, total, requests, success, failures } = EDGE_COLUMNS;
const COLUMNS = [from, to, secured, open, total, requests, success, failures];

/** `hauberk edges` */
export const run = adminCommand(
  {
    name: 'hauberk edges',
    summary:
      'Lists who calls whom in the mesh, at which port, and whether that is encrypted: what still passes in plaintext comes first. Sidecars tell of it while the command runs.',
    settings: WINDOW_SETTINGS,
    examples: [
      { purpose: 'the whole mesh', line: 'hauberk edges' },
      { purpose: 'what concerns two services', line: 'hauberk edges --service web --service api' },
      {
        purpose: 'what is not encrypted',
        line: 'hauberk edges --json | jq \'.edges[] | select(.security == "plaintext")\'',
      },
    ],
  },
  async (client, { json, ...settings }, context) => {
    const collected = await collectWindow(client, settings, context.stderr);
    if (collected === undefined) return '';
    const { edges, seconds } = collected;
    const rows = edgeRows(pairEdges(edges), seconds, client.trustDomain).toSorted(plaintextFirst);
    const plain = rows.filter(({ edge }) => edge.plaintext).length;
    if (json) return { edges: rows.map(edgeDocument), seconds };
    if (rows.length === 0) {
      context.stderr.write('no sidecar has carried a connection since it started\n');
      return '';
    }
    if (plain > 0) context.stderr.write(loudly(plaintextSentence(plain), context.stderr));
    const table = fitTable(COLUMNS, rows, widthOf(context.stdout));
    return loudRows(table, rows, context.stdout);
  },
);

function plaintextFirst(a: EdgeRow, b: EdgeRow): number {
  if (a.edge.plaintext !== b.edge.plaintext) return a.edge.plaintext ? -1 : 1;
  return a.from.localeCompare(b.from) || a.to.localeCompare(b.to);
}

function plaintextSentence(count: number): string {
  const subject = count === 1 ? '1 edge is' : `${count} edges are`;
  return `NOT ENCRYPTED: ${subject} in plaintext\n`;
}

/** Marks the rows of edges in plaintext, which come first. */
function loudRows(table: string, rows: readonly EdgeRow[], output: object): string {
  const lines = table.split('\n');
  return lines
    .map((line, at) => (rows[at - 1]?.edge.plaintext === true ? loudly(line, output) : line))
    .join('\n');
}

function loudly(text: string, output: object): string {
  const isTerminal = 'isTTY' in output && output.isTTY === true;
  return isTerminal ? styleText(['bold', 'red'], text, { validateStream: false }) : text;
}
