import { ConfigError } from '../../common/config/config-error.ts';
import { setting } from '../../common/config/settings.ts';
import { filePath, text, trustDomain } from '../../common/config/values.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import {
  bundleDocument,
  bundleReport,
  federatedDocument,
  federatedReport,
} from './bundle-report.ts';
import { readOperatorFile } from './operator-file.ts';

/** `hauberk bundle add` */
export const run = adminCommand(
  {
    name: 'hauberk bundle add',
    summary:
      'Adds a root to the trust bundle, for workloads whose certificates come from another authority, or federates the mesh with another trust domain. Every sidecar receives the change at once.',
    settings: {
      file: setting(filePath.optional(), {
        description: 'roots in PEM; of another trust domain also a SPIFFE bundle',
        placeholder: 'FILE',
      }),
      trustDomain: setting(trustDomain.optional(), {
        description:
          "another trust domain, to which these roots are limited; by default the mesh's own",
        placeholder: 'NAME',
      }),
      url: setting(text.optional(), {
        description: 'its SPIFFE bundle endpoint, which the control plane polls',
        placeholder: 'URL',
      }),
      endpointId: setting(text.optional(), {
        description:
          'the SPIFFE ID of that endpoint, if the bundle verifies it instead of public authorities',
        placeholder: 'ID',
      }),
    },
    examples: [
      { purpose: 'trust an existing authority', line: 'hauberk bundle add --file old-root.pem' },
      {
        purpose: 'let rules name workloads of a partner',
        line: 'hauberk bundle add --trust-domain partner.example --url https://bundle.partner.example/',
      },
    ],
    notes: ['An added root can issue any identity of its trust domain: see docs/trust-bundle.md.'],
  },
  async (client, given, context) => {
    const { file, url, endpointId, json } = given;
    const nowMs = context.clock.epochMs();
    const document = file === undefined ? undefined : readOperatorFile(file);
    if (given.trustDomain !== undefined) {
      const request = { trustDomain: given.trustDomain, document, url, endpointId };
      const federated = await client.federate(request);
      if (json) return formatJson(federatedDocument(federated));
      return federatedReport([federated], nowMs);
    }
    if (document === undefined || url !== undefined || endpointId !== undefined) {
      throw new ConfigError('setting-missing', 'expected --file, or --trust-domain with --url', {
        hint: 'see `hauberk bundle add --help`',
      });
    }
    const bundle = await client.addRoot(document);
    return json ? formatJson(bundleDocument(bundle)) : bundleReport(bundle, nowMs);
  },
);
