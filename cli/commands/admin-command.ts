import path from 'node:path';
import type { CommandSpec } from '../../common/config/command-spec.ts';
import { runCommand } from '../../common/config/run-command.ts';
import type { SettingsOf } from '../../common/config/settings.ts';
import { askControlSocket } from '../../common/rpc/control-socket.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
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
    } catch (error) {
      throw await namingLock(error, path.dirname(admin));
    } finally {
      await client.close();
    }
  });
}

/**
 * A control plane whose keys are locked has no certificate, and serves nobody: it is not away. On its host
 * that can be asked, where the credential is the one in its data directory.
 */
async function namingLock(error: unknown, dataDir: string): Promise<unknown> {
  if (!(error instanceof RpcError) || error.code !== 'unreachable') return error;
  try {
    const { message } = await askControlSocket(dataDir, { command: 'state' });
    if (message !== 'locked') return error;
  } catch {
    // It is elsewhere, or does not run.
    return error;
  }
  return new RpcError(
    'unreachable',
    `the control plane of ${dataDir} runs, and its keys are locked: it issues nothing and answers nobody`,
    { hint: `unlock them with: hauberk ca unlock --data-dir ${dataDir}`, cause: error },
  );
}
