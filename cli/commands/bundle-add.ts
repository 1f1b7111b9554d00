import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { setting } from '../../common/config/settings.ts';
import { filePath, text, trustDomain } from '../../common/config/values.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import {
  bundleDocument,
  bundleReport,
  federatedDocument,
  federatedReport,
} from './bundle-report.ts';
import { readOperatorFile } from './operator-file.ts';

const settings = {
  file: setting(filePath.optional(), {
    description: 'roots in PEM; of another trust domain also a SPIFFE bundle',
    placeholder: 'FILE',
  }),
  trustDomain: setting(trustDomain.optional(), {
    description:
      "another trust domain, whose workloads are believed by these roots alone; the mesh's own without it",
    placeholder: 'NAME',
  }),
  url: setting(text.optional(), {
    description: 'its SPIFFE bundle endpoint, which is asked again and again',
    placeholder: 'URL',
  }),
  endpointId: setting(text.optional(), {
    description:
      'the SPIFFE ID of that endpoint, when it is verified by the bundle and not by public authorities',
    placeholder: 'ID',
  }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk bundle add',
  summary:
    'Lets peers of the mesh lead to another root as well, for workloads that have certificates from elsewhere; or federates the mesh with another trust domain. Every sidecar is told at once.',
  settings,
  examples: [
    { purpose: 'an old fleet joins the mesh', line: 'hauberk bundle add --file old-root.pem' },
    {
      purpose: 'workloads of a partner may be named in rules',
      line: 'hauberk bundle add --trust-domain partner.example --url https://bundle.partner.example/',
    },
  ],
  notes: [
    'Whatever such a root signs with an identity of its trust domain is believed: docs/trust-bundle.md.',
  ],
};

/** `hauberk bundle add` */
export function bundleAdd(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, given) => {
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
  });
}
