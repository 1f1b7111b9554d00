import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { revocationDocument } from './revocation-document.ts';
import { parseIdentity } from './revocation-target.ts';

/** `hauberk readmit` */
export const run = adminCommand(
  {
    name: 'hauberk readmit',
    summary:
      'Allows a revoked identity to get certificates again. Its earlier certificates stay revoked, so its sidecars need a join token.',
    operands: [{ name: 'identity', description: 'NAMESPACE/SERVICE' }],
    examples: [{ purpose: 'after the host was reinstalled', line: 'hauberk readmit shop/web' }],
  },
  async (client, { json }, { operands: [operand = ''] }) => {
    const { namespace, service } = parseIdentity(operand);
    const revocation = await client.readmit({ namespace, service });
    if (json) return formatJson(revocationDocument(revocation));
    return (
      `${namespace}/${service} may have certificates again; its sidecars need a token: ` +
      `hauberk token create --namespace ${namespace} --service ${service}\n`
    );
  },
);
