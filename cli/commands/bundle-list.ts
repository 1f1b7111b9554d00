import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { bundleDocument, bundleReport, federationComplaints } from './bundle-report.ts';

/** `hauberk bundle list` */
export const run = adminCommand(
  {
    name: 'hauberk bundle list',
    summary:
      'Lists the roots that sidecars trust: those of the mesh itself, added roots, and those of other trust domains.',
    examples: [{ purpose: 'list the trusted roots', line: 'hauberk bundle list' }],
  },
  async (client, { json }, context) => {
    const bundle = await client.listBundle();
    if (json) return formatJson(bundleDocument(bundle));
    const nowMs = context.clock.epochMs();
    context.stderr.write(federationComplaints(bundle.federated, nowMs));
    return bundleReport(bundle, nowMs);
  },
);
