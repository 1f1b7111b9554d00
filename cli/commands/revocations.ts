import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { formatMoment } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { runAdminCommand } from './admin-command.ts';
import { revocationDocument } from './revocation-document.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk revocations',
  summary:
    'Lists what is revoked: identities until they are readmitted, certificates until they have expired.',
  settings: ADMIN_SETTINGS,
};

const HEADER = ['SERVICE', 'NAMESPACE', 'CERTIFICATES', 'REVOKED', 'READMITTED', 'LAST EXPIRES'];

/** `hauberk revocations` */
export function revocations(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }) => {
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
  });
}
