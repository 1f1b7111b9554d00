import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { authorityDocument } from './ca-document.ts';
import { authorityReport } from './ca-report.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk ca status',
  summary:
    'Shows root and issuer, when they expire, and the progress of a rotation of the root: how many sidecars of how many, and the names of those that it waits for.',
  settings: ADMIN_SETTINGS,
  examples: [{ purpose: 'root, issuer, rotation', line: 'hauberk ca status' }],
};

/** `hauberk ca status` */
export function caStatus(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }) => {
    const authority = await client.getAuthority();
    if (json) return formatJson(authorityDocument(authority));
    return authorityReport(authority, context.clock.epochMs());
  });
}
