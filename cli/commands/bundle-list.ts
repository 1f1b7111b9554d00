import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { bundleDocument, bundleReport, federationComplaints } from './bundle-report.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk bundle list',
  summary:
    'Lists the roots that sidecars trust: those of the mesh itself, added roots, and those of other trust domains.',
  settings: ADMIN_SETTINGS,
  examples: [{ purpose: 'list the trusted roots', line: 'hauberk bundle list' }],
};

/** `hauberk bundle list` */
export function bundleList(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }) => {
    const bundle = await client.listBundle();
    if (json) return formatJson(bundleDocument(bundle));
    const nowMs = context.clock.epochMs();
    context.stderr.write(federationComplaints(bundle.federated, nowMs));
    return bundleReport(bundle, nowMs);
  });
}
