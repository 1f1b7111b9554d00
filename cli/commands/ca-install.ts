import { switchSetting } from '../../common/config/settings.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { authorityDocument } from './ca-document.ts';
import { authorityReport } from './ca-report.ts';
import { readOperatorFile } from './operator-file.ts';

/** `hauberk ca install FILE` */
export const run = adminCommand(
  {
    name: 'hauberk ca install',
    summary:
      'Checks and installs an issuer that was signed for the request of hauberk ca csr. A refused issuer changes nothing.',
    settings: {
      newRoot: switchSetting({
        description: 'accept an issuer below another root, and rotate the mesh to that root',
      }),
    },
    operands: [
      {
        name: 'file',
        description: 'chain in PEM: the issuer first, the root last',
      },
    ],
    examples: [
      { purpose: 'an issuer below the root of the mesh', line: 'hauberk ca install issuer.pem' },
      { purpose: 'an issuer below another root', line: 'hauberk ca install issuer.pem --new-root' },
    ],
  },
  async (client, { newRoot, json }, context) => {
    const [file = ''] = context.operands;
    const authority = await client.installIssuer({ chain: readOperatorFile(file), newRoot });
    if (json) return formatJson(authorityDocument(authority));
    return authorityReport(authority, context.clock.epochMs());
  },
);
