import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { bundleDocument, bundleReport } from './bundle-report.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk bundle remove',
  summary:
    'Removes a root that was added. Every sidecar is told at once, and ends the tunnels whose peer leads to nothing better.',
  settings: ADMIN_SETTINGS,
  operands: [
    { name: 'root', description: 'its digest as `hauberk bundle list` shows it, or the beginning' },
  ],
  examples: [{ purpose: 'the old fleet is gone', line: 'hauberk bundle remove 4b31lnaz3gl7' }],
};

/** `hauberk bundle remove` */
export function bundleRemove(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }, [digest = '']) => {
    const bundle = await client.removeRoot(digest);
    if (json) return formatJson(bundleDocument(bundle));
    return bundleReport(bundle, context.clock.now());
  });
}
