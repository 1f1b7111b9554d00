import type { CommandSpec } from '../../common/config/command-spec.ts';
import { setting } from '../../common/config/settings.ts';
import { filePath } from '../../common/config/values.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { bundleDocument, bundleReport } from './bundle-report.ts';
import { readOperatorFile } from './operator-file.ts';

const settings = {
  file: setting(filePath, { description: 'roots in PEM', placeholder: 'FILE' }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk bundle add',
  summary:
    'Lets peers of the mesh lead to another root as well, for workloads that have certificates from elsewhere. Every sidecar is told at once.',
  settings,
  examples: [
    { purpose: 'an old fleet joins the mesh', line: 'hauberk bundle add --file old-root.pem' },
  ],
  notes: [
    'Whatever such a root signs with an identity of the trust domain is believed: docs/trust-bundle.md.',
  ],
};

/** `hauberk bundle add --file FILE` */
export function bundleAdd(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { file, json }) => {
    const bundle = await client.addRoot(readOperatorFile(file));
    if (json) return formatJson(bundleDocument(bundle));
    return bundleReport(bundle, context.clock.now());
  });
}
