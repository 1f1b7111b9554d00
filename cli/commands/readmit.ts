import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { revocationDocument } from './revocation-document.ts';
import { parseIdentity } from './revocation-target.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk readmit',
  summary:
    'Allows a revoked identity to get certificates again. Its earlier certificates stay revoked, so its sidecars need a join token.',
  settings: ADMIN_SETTINGS,
  operands: [{ name: 'identity', description: 'NAMESPACE/SERVICE' }],
  examples: [{ purpose: 'after the host was reinstalled', line: 'hauberk readmit shop/web' }],
};

/** `hauberk readmit` */
export function readmit(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }, [operand = '']) => {
    const { namespace, service } = parseIdentity(operand);
    const revocation = await client.readmit({ namespace, service });
    if (json) return formatJson(revocationDocument(revocation));
    return (
      `${namespace}/${service} may have certificates again; its sidecars need a token: ` +
      `hauberk token create --namespace ${namespace} --service ${service}\n`
    );
  });
}
