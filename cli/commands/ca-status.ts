import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { authorityDocument } from './ca-document.ts';
import { authorityReport } from './ca-report.ts';

/** `hauberk ca status` */
export const run = adminCommand(
  {
    name: 'hauberk ca status',
    summary:
      'Shows root and issuer, when they expire, and the progress of a rotation of the root: how many sidecars of how many, and the names of those that it waits for.',
    examples: [{ purpose: 'root, issuer, rotation', line: 'hauberk ca status' }],
  },
  async (client, { json }, context) => {
    const authority = await client.getAuthority();
    if (json) return formatJson(authorityDocument(authority));
    return authorityReport(authority, context.clock.epochMs());
  },
);
