import type { CommandSpec } from '../../common/config/command-spec.ts';
import { runCommand } from '../../common/config/run-command.ts';
import type { SettingsOf } from '../../common/config/settings.ts';
import type { ADMIN_SETTINGS } from '../admin-settings.ts';
import type { CliContext } from '../cli-context.ts';
import { type AdminClient, connectAdmin } from '../client.ts';
import { readAdminCredential } from '../credential.ts';

/** The settings of a command that talks to the control plane. */
type AdminTable = CommandSpec['settings'] & typeof ADMIN_SETTINGS;

/** Asks the control plane; returns what goes to standard output. */
type AdminAction<Table extends AdminTable> = (
  client: AdminClient,
  settings: SettingsOf<Table>,
  operands: readonly string[],
) => Promise<string>;

/** Runs a command with a connection to the control plane, which it closes in any case. */
export function runAdminCommand<Table extends AdminTable>(
  spec: CommandSpec<Table>,
  context: CliContext,
  action: AdminAction<Table>,
): Promise<number> {
  return runCommand(spec, context, async (settings, operands) => {
    const { admin, controlPlane } = settings as SettingsOf<typeof ADMIN_SETTINGS>;
    const credential = readAdminCredential(admin);
    const client = connectAdmin({ address: controlPlane, credential });
    try {
      context.stdout.write(await action(client, settings, operands));
      return 0;
    } finally {
      await client.close();
    }
  });
}
