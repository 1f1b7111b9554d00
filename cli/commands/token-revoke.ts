import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';
import { runAdminCommand } from './admin-command.ts';
import { tokenDocument } from './token-document.ts';

const spec: CommandSpec<typeof ADMIN_SETTINGS> = {
  name: 'hauberk token revoke',
  summary:
    'Takes a join token out of use at once. Sidecars that have joined with it keep their certificates.',
  settings: ADMIN_SETTINGS,
  operands: [{ name: 'id', description: 'the id that `hauberk token list` shows' }],
  examples: [
    { purpose: 'a token that got into the wrong hands', line: 'hauberk token revoke 3k9x' },
  ],
};

/** `hauberk token revoke` */
export function tokenRevoke(context: CliContext): Promise<number> {
  return runAdminCommand(spec, context, async (client, { json }, [id = '']) => {
    const token = await client.revokeToken(id);
    return json
      ? formatJson(tokenDocument(token, context.clock.now()))
      : `token ${token.id} is revoked\n`;
  });
}
