import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { authorityDocument } from './ca-document.ts';
import { authorityReport } from './ca-report.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk ca abort',
  summary:
    'Aborts a rotation of the root: at once while sidecars are told to trust the new root, and later by going back to the root before, as carefully as away from it. When the former root was dropped, there is nothing left to abort.',
  settings: ADMIN_SETTINGS,
  examples: [{ purpose: 'back to the root before', line: 'hauberk ca abort' }],
};

/** `hauberk ca abort` */
export function caAbort(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }) => {
    const authority = await client.abortRotation();
    if (json) return formatJson(authorityDocument(authority));
    return authorityReport(authority, context.clock.epochMs());
  });
}
