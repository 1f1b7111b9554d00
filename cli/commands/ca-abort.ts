import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { authorityDocument } from './ca-document.ts';
import { authorityReport } from './ca-report.ts';

/** `hauberk ca abort` */
export const run = adminCommand(
  {
    name: 'hauberk ca abort',
    summary:
      'Aborts a rotation of the root: at once while sidecars are still learning the new root, later by rotating back to the previous root step by step. Once the previous root is removed, the rotation is complete and cannot be aborted.',
    examples: [{ purpose: 'return to the previous root', line: 'hauberk ca abort' }],
  },
  async (client, { json }, context) => {
    const authority = await client.abortRotation();
    if (json) return formatJson(authorityDocument(authority));
    return authorityReport(authority, context.clock.epochMs());
  },
);
