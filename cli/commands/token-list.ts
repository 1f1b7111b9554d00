import { formatJson } from '../output/json.ts';
import { formatMoment } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from './admin-command.ts';
import { tokenDocument, tokenState } from './token-document.ts';

const HEADER = ['ID', 'NAMESPACE', 'SERVICE', 'STATE', 'USES', 'CREATED', 'EXPIRES'];

/** `hauberk token list` */
export const run = adminCommand(
  {
    name: 'hauberk token list',
    summary:
      'Lists the join tokens by their ids: the control plane does not keep the tokens themselves.',
    examples: [
      { purpose: 'tokens that are still valid', line: 'hauberk token list | grep active' },
    ],
  },
  async (client, { json }, context) => {
    const tokens = await client.listTokens();
    const nowMs = context.clock.epochMs();
    if (json) return formatJson({ tokens: tokens.map((token) => tokenDocument(token, nowMs)) });
    const rows = tokens.map((token) => [
      token.id,
      token.namespace,
      token.service ?? 'any',
      tokenState(token, nowMs),
      `${token.uses} of ${token.usesAllowed ?? 'any'}`,
      formatMoment(token.createdMs, nowMs),
      formatMoment(token.expiresMs, nowMs),
    ]);
    return formatTable(HEADER, rows);
  },
);
