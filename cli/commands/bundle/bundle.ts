import { ConfigError } from '../../../common/config/config-error.ts';
import { setting } from '../../../common/config/settings.ts';
import { filePath, text, trustDomain } from '../../../common/config/values.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import {
  bundleDocument,
  bundleReport,
  federatedDocument,
  federatedReport,
  federationComplaints,
} from './report.ts';
import { readOperatorFile } from '../../operator-file.ts';

/** `hauberk bundle list` */
export const listBundle = adminCommand(
  {
    name: 'hauberk bundle list',
    summary:
      'Lists the roots that sidecars trust: those of the mesh itself, added roots, and those of other trust domains.',
    examples: [{ purpose: 'list the trusted roots', line: 'hauberk bundle list' }],
  },
  async (client, { json }, { clock, stderr }) => {
    const bundle = await client.listBundle();
    if (json) return bundleDocument(bundle);
    stderr.write(federationComplaints(bundle.federated, clock.epochMs()));
    return bundleReport(bundle, clock.epochMs());
  },
);

/** `hauberk bundle add` */
export const addToBundle = adminCommand(
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
  async (client, { file, url, endpointId, json, ...given }, { clock }) => {
    const document = file === undefined ? undefined : readOperatorFile(file);
    if (given.trustDomain !== undefined) {
      const request = { trustDomain: given.trustDomain, document, url, endpointId };
      const federated = await client.federate(request);
      return json ? federatedDocument(federated) : federatedReport([federated], clock.epochMs());
    }
    if (document === undefined || url !== undefined || endpointId !== undefined) {
      throw new ConfigError('setting-missing', 'expected --file, or --trust-domain with --url', {
        hint: 'see `hauberk bundle add --help`',
      });
    }
    const bundle = await client.addRoot(document);
    return json ? bundleDocument(bundle) : bundleReport(bundle, clock.epochMs());
  },
);

/** `hauberk bundle remove` */
export const removeFromBundle = adminCommand(
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
  async (client, { root, json, ...given }, { clock }) => {
    if ((root === undefined) === (given.trustDomain === undefined)) {
      throw new ConfigError('setting-missing', 'expected either --root or --trust-domain', {
        hint: '`hauberk bundle list` shows both',
      });
    }
    if (root !== undefined) await client.removeRoot(root);
    if (given.trustDomain !== undefined) await client.unfederate(given.trustDomain);
    const bundle = await client.listBundle();
    return json ? bundleDocument(bundle) : bundleReport(bundle, clock.epochMs());
  },
);
