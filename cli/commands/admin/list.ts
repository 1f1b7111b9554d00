import type { OperatorCredential } from '../../../proto/gen/hauberk/v1/admin.ts';
import { formatMoment, toTimestamp } from '../../output/relative-time.ts';
import { formatTable } from '../../output/table.ts';
import { adminCommand } from '../../admin/admin-command.ts';

const HEADER = ['SERIAL', 'FIRST ISSUED', 'EXPIRES', 'PROOF', 'LAST USED', 'FROM', 'CALL'];

/** `hauberk admin list` */
export const run = adminCommand(
  {
    name: 'hauberk admin list',
    summary:
      'Lists the credentials of operators that have not expired: each admin.pem, what it was renewed to, and when, from where and for what it was used last.',
    notes: ['Take a single one out of use with `hauberk revoke SERIAL`.'],
  },
  async (client, { json }, context) => {
    const operators = await client.listOperators();
    if (json) return { credentials: operators.map(operatorDocument) };
    const nowMs = context.clock.epochMs();
    const rows = operators.map((operator) => [
      operator.serial,
      operator.firstIssuedMs === undefined ? '-' : formatMoment(operator.firstIssuedMs, nowMs),
      operator.revoked ? 'revoked' : formatMoment(operator.notAfterMs, nowMs),
      operator.proof,
      operator.lastUsedMs === undefined ? 'never' : formatMoment(operator.lastUsedMs, nowMs),
      operator.lastAddress ?? '-',
      operator.lastCall ?? '-',
    ]);
    return formatTable(HEADER, rows);
  },
);

/** A credential as `--json` prints it; docs/json-output.md describes it. */
function operatorDocument(operator: OperatorCredential) {
  const { serial, issuedMs, notAfterMs, proof, renewedFrom, firstIssuedMs } = operator;
  const { lastUsedMs, lastAddress: from = '', lastCall: call = '' } = operator;
  return {
    serial,
    issuedAt: toTimestamp(issuedMs),
    notAfter: toTimestamp(notAfterMs),
    proof,
    renewedFrom: renewedFrom ?? null,
    firstIssuedAt: firstIssuedMs === undefined ? null : toTimestamp(firstIssuedMs),
    revoked: operator.revoked,
    lastUsed: lastUsedMs === undefined ? null : { at: toTimestamp(lastUsedMs), from, call },
  };
}
