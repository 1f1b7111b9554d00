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
    description: 'the issuer may be below another root than the mesh, which is rotated to it then',
  }),
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk ca install',
  summary:
    'Takes an issuer into use that was signed for the request of hauberk ca csr, after everything about it was checked. Whatever is refused changes nothing.',
  settings,
  operands: [
    {
      name: 'file',
      description: 'PEM: the issuer first, then what leads to the root, the root last',
    },
  ],
  examples: [
    { purpose: 'below the root of the mesh', line: 'hauberk ca install issuer.pem' },
    { purpose: 'below another one', line: 'hauberk ca install issuer.pem --new-root' },
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
