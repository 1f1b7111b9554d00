import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { bundleDocument, bundleReport } from './bundle-report.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk bundle list',
  summary:
    'Lists the roots that sidecars believe: those of the mesh itself, and what was added to them.',
  settings: ADMIN_SETTINGS,
  examples: [{ purpose: 'whom sidecars believe', line: 'hauberk bundle list' }],
};

/** `hauberk bundle list` */
export function bundleList(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }) => {
    const bundle = await client.listBundle();
    if (json) return formatJson(bundleDocument(bundle));
    return bundleReport(bundle, context.clock.now());
  });
}
