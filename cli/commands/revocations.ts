import { formatJson } from '../output/json.ts';
import { formatMoment } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from './admin-command.ts';
import { revocationDocument } from './revocation-document.ts';

const HEADER = ['SERVICE', 'NAMESPACE', 'CERTIFICATES', 'REVOKED', 'READMITTED', 'LAST EXPIRES'];

/** `hauberk revocations` */
export const run = adminCommand(
  {
    name: 'hauberk revocations',
    summary:
      'Lists what is revoked: identities until they are readmitted, certificates until they have expired.',
  },
  async (client, { json }, context) => {
    const list = await client.listRevocations();
    if (json) return formatJson({ revocations: list.map(revocationDocument) });
    const nowMs = context.clock.epochMs();
    const rows = list.map((one) => [
      one.service,
      one.namespace,
      one.serial ?? 'all',
      formatMoment(one.revokedMs, nowMs),
      one.readmittedMs === undefined ? '-' : formatMoment(one.readmittedMs, nowMs),
      formatMoment(one.expiresMs, nowMs),
    ]);
    return formatTable(HEADER, rows);
  },
);
