import { ConfigError } from '../../common/config/config-error.ts';
import { setting } from '../../common/config/settings.ts';
import { text, trustDomain } from '../../common/config/values.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { bundleDocument, bundleReport } from './bundle-report.ts';

/** `hauberk bundle remove` */
export const run = adminCommand(
  {
    name: 'hauberk bundle remove',
    summary:
      'Removes an added root from the trust bundle, or ends the federation with another trust domain. Every sidecar receives the change at once and closes tunnels to peers that no remaining root verifies.',
    settings: {
      root: setting(text.optional(), {
        description:
          'an added root: its digest from `hauberk bundle list`, or the first characters',
        placeholder: 'DIGEST',
      }),
      trustDomain: setting(trustDomain.optional(), {
        description: 'another trust domain, to end the federation with it',
        placeholder: 'NAME',
      }),
    },
    examples: [
      {
        purpose: 'no longer trust an added root',
        line: 'hauberk bundle remove --root 4b31lnaz3gl7',
      },
      {
        purpose: 'end the federation with a partner',
        line: 'hauberk bundle remove --trust-domain partner.example',
      },
    ],
  },
  async (client, given, context) => {
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
  },
);
