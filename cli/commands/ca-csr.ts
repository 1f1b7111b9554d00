import type { CommandSpec } from '../../common/config/command-spec.ts';
import { switchSetting } from '../../common/config/settings.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';

const settings = {
  ...ADMIN_SETTINGS,
  newKey: switchSetting({
    description: 'make another key; a certificate for the former request cannot be installed then',
  }),
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk ca csr',
  summary:
    'Prints the request (PKCS#10, PEM) for an issuer below a root whose key is kept offline. The key is made in the control plane, and stays there; until a certificate for it is installed, the request is for the same key each time.',
  settings,
  examples: [{ purpose: 'to be carried to the root', line: 'hauberk ca csr > issuer.csr' }],
  notes: ['What was signed is taken into use by hauberk ca install: docs/upstream-authority.md.'],
};

/** `hauberk ca csr` */
export function caCsr(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { newKey, json }) => {
    const csr = await client.requestIssuer({ fresh: newKey });
    return json ? formatJson({ csr }) : csr;
  });
}
