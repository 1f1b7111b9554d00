import { switchSetting } from '../../common/config/settings.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { revocationDocument } from './revocation-document.ts';
import { parseRevocationTarget } from './revocation-target.ts';

/** `hauberk revoke` */
export const run = adminCommand(
  {
    name: 'hauberk revoke',
    summary:
      'Revokes an identity or a certificate at once: no renewal, no new connection, and every sidecar closes the open ones.',
    settings: {
      force: switchSetting({ description: 'revoke even an identity that the mesh has never seen' }),
    },
    operands: [
      {
        name: 'target',
        description:
          'NAMESPACE/SERVICE: every certificate of it, until it is readmitted; or a serial from ' +
          '`hauberk certs`: that certificate and its renewals',
      },
    ],
    examples: [
      { purpose: 'a compromised service', line: 'hauberk revoke shop/web' },
      {
        purpose: 'the certificate of one host, whose key was stolen',
        line: 'hauberk revoke 4d1f6b0ac2e95f83d0a7b1c65e9f2a38',
      },
    ],
  },
  async (client, { force, json }, { operands: [operand = ''] }) => {
    const target = parseRevocationTarget(operand);
    const revocations = await client.revoke(target, { force });
    if (json) return formatJson({ revocations: revocations.map(revocationDocument) });
    if (target.kind === 'serial') {
      const [{ namespace, service } = { namespace: '', service: '' }] = revocations;
      const count =
        revocations.length === 1 ? '1 certificate' : `${revocations.length} certificates`;
      return `${count} of ${namespace}/${service} revoked\n`;
    }
    const name = `${target.namespace}/${target.service}`;
    return `${name} is revoked; readmit it with: hauberk readmit ${name}\n`;
  },
);
