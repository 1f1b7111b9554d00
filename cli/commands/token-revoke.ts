import { switchSetting } from '../../common/config/settings.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import { tokenDocument } from './token-document.ts';

/** `hauberk token revoke` */
export const run = adminCommand(
  {
    name: 'hauberk token revoke',
    summary:
      'Revokes a join token at once. Sidecars that joined with it keep their certificates, unless --with-certificates revokes those too.',
    settings: {
      withCertificates: switchSetting({
        description:
          'also revoke every certificate that was issued for the token, renewals included',
      }),
    },
    operands: [{ name: 'id', description: 'the id from `hauberk token list`' }],
    examples: [
      { purpose: 'a token that was leaked', line: 'hauberk token revoke 3k9x' },
      {
        purpose: 'and the certificates of all sidecars that joined with it',
        line: 'hauberk token revoke 3k9x --with-certificates',
      },
    ],
  },
  async (client, options, context) => {
    const [id = ''] = context.operands;
    const { json, withCertificates } = options;
    const { token, certificates } = await client.revokeToken(id, { withCertificates });
    if (json) {
      const document = tokenDocument(token, context.clock.epochMs());
      return formatJson(withCertificates ? { ...document, certificates } : document);
    }
    const also = withCertificates ? `, and so are ${certificates} certificates` : '';
    return `token ${token.id} is revoked${also}\n`;
  },
);
