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
    'Aborts a rotation of the root: at once while sidecars are still learning the new root, later by rotating back to the previous root step by step. Once the previous root is removed, the rotation is complete and cannot be aborted.',
  settings: ADMIN_SETTINGS,
  examples: [{ purpose: 'return to the previous root', line: 'hauberk ca abort' }],
};

/** `hauberk ca abort` */
export function caAbort(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }) => {
    const authority = await client.abortRotation();
    if (json) return formatJson(authorityDocument(authority));
    return authorityReport(authority, context.clock.epochMs());
  });
}
