import type { CommandSpec } from '../../common/config/command-spec.ts';
import { switchSetting } from '../../common/config/settings.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { tokenDocument } from './token-document.ts';

const settings = {
  withCertificates: switchSetting({
    description: 'also revoke every certificate that the token led to, renewals included',
  }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk token revoke',
  summary:
    'Takes a join token out of use at once. Sidecars that have joined with it keep their certificates, unless those are revoked with it.',
  settings,
  operands: [{ name: 'id', description: 'the id that `hauberk token list` shows' }],
  examples: [
    { purpose: 'a token that got into the wrong hands', line: 'hauberk token revoke 3k9x' },
    {
      purpose: 'and whoever has joined with it is thrown out, too',
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
