import type { CommandSpec } from '../../common/config/command-spec.ts';
import { switchSetting } from '../../common/config/settings.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { tokenDocument } from './token-document.ts';

const settings = {
  withCertificates: switchSetting({
    description: 'also revoke every certificate that was issued for the token, renewals included',
  }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk token revoke',
  summary:
    'Revokes a join token at once. Sidecars that joined with it keep their certificates, unless --with-certificates revokes those too.',
  settings,
  operands: [{ name: 'id', description: 'the id from `hauberk token list`' }],
  examples: [
    { purpose: 'a token that was leaked', line: 'hauberk token revoke 3k9x' },
    {
      purpose: 'and the certificates of all sidecars that joined with it',
      line: 'hauberk token revoke 3k9x --with-certificates',
    },
  ],
};

/** `hauberk token revoke` */
export function tokenRevoke(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, options, [id = '']) => {
    const { json, withCertificates } = options;
    const { token, certificates } = await client.revokeToken(id, { withCertificates });
    if (json) {
      const document = tokenDocument(token, context.clock.epochMs());
      return formatJson(withCertificates ? { ...document, certificates } : document);
    }
    const also = withCertificates ? `, and so are ${certificates} certificates` : '';
    return `token ${token.id} is revoked${also}\n`;
  });
}
