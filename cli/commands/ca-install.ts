import type { CommandSpec } from '../../common/config/command-spec.ts';
import { switchSetting } from '../../common/config/settings.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { authorityDocument } from './ca-document.ts';
import { authorityReport } from './ca-report.ts';
import { readOperatorFile } from './operator-file.ts';

const settings = {
  ...ADMIN_SETTINGS,
  newRoot: switchSetting({
    description: 'accept an issuer below another root, and rotate the mesh to that root',
  }),
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk ca install',
  summary:
    'Checks and installs an issuer that was signed for the request of hauberk ca csr. A refused issuer changes nothing.',
  settings,
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
};

/** `hauberk ca install FILE` */
export function caInstall(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { newRoot, json }, [file = '']) => {
    const authority = await client.installIssuer({ chain: readOperatorFile(file), newRoot });
    if (json) return formatJson(authorityDocument(authority));
    return authorityReport(authority, context.clock.epochMs());
  });
}
