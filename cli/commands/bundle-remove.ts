import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { setting } from '../../common/config/settings.ts';
import { text, trustDomain } from '../../common/config/values.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { bundleDocument, bundleReport } from './bundle-report.ts';

const settings = {
  root: setting(text.optional(), {
    description: 'an added root: its digest as `hauberk bundle list` shows it, or the beginning',
    placeholder: 'DIGEST',
  }),
  trustDomain: setting(trustDomain.optional(), {
    description: 'another trust domain, which is not believed any more at all',
    placeholder: 'NAME',
  }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk bundle remove',
  summary:
    'Removes a root that was added, or ends the federation with another trust domain. Every sidecar is told at once, and ends the tunnels whose peer leads to nothing better.',
  settings,
  examples: [
    { purpose: 'the old fleet is gone', line: 'hauberk bundle remove --root 4b31lnaz3gl7' },
    {
      purpose: 'no more of the partner',
      line: 'hauberk bundle remove --trust-domain partner.example',
    },
  ],
};

/** `hauberk bundle remove` */
export function bundleRemove(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, given) => {
    const { root, json } = given;
    if ((root === undefined) === (given.trustDomain === undefined)) {
      throw new ConfigError('setting-missing', 'expected either --root or --trust-domain', {
        hint: '`hauberk bundle list` shows both',
      });
    }
    if (root !== undefined) await client.removeRoot(root);
    if (given.trustDomain !== undefined) await client.unfederate(given.trustDomain);
    const bundle = await client.listBundle();
    if (json) return formatJson(bundleDocument(bundle));
    return bundleReport(bundle, context.clock.epochMs());
  });
}
