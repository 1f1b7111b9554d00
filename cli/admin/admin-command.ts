import path from 'node:path';
import { systemClock } from '../../common/clock.ts';
import type { CommandSpec, SettingsOf, SettingsTable } from '../../common/config/settings.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { askControlSocket } from '../../common/rpc/control-socket.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import { ADMIN_SETTINGS } from './settings.ts';
import type { CliContext } from '../cli-context.ts';
import { type AdminClient, connectAnyAdmin } from './client.ts';
import { readAdminCredential } from './credential.ts';
import { formatJson } from '../output/json.ts';

/** Where a command runs, and the words that were typed after it. */
export interface AdminContext extends CliContext {
  readonly operands: readonly string[];
}

const NO_SETTINGS = {};

/**
 * A command that asks the control plane: `settings` are its own, to which those of a connection as an
 * operator are added. `action` returns what goes to standard output: text, or an object, which is written as
 * JSON.
 */
export function adminCommand<Table extends SettingsTable = typeof NO_SETTINGS>(
  spec: Omit<CommandSpec, 'settings'> & { readonly settings?: Table },
  action: (
    client: AdminClient,
    settings: SettingsOf<Table & typeof ADMIN_SETTINGS>,
    context: AdminContext,
  ) => Promise<string | object>,
): (context: CliContext) => Promise<number> {
  const settings = { ...spec.settings, ...ADMIN_SETTINGS } as Table & typeof ADMIN_SETTINGS;
  return (context) =>
    runCommand({ ...spec, settings }, context, async (values, operands) => {
      const connection = values as SettingsOf<typeof ADMIN_SETTINGS>;
      try {
        const answer = await askControlPlane(connection, (client) =>
          action(client, values, { ...context, operands }),
        );
        context.stdout.write(typeof answer === 'string' ? answer : formatJson(answer));
        return 0;
      } catch (error) {
        throw await namingLock(error, path.dirname(connection.admin));
      }
    });
}

/** Asks one of the control planes with a connection of its own, as the operator whose credential is in the file now; closes it in any case. */
export async function askControlPlane<Answer>(
  { admin, controlPlane }: Pick<SettingsOf<typeof ADMIN_SETTINGS>, 'admin' | 'controlPlane'>,
  question: (client: AdminClient) => Promise<Answer>,
): Promise<Answer> {
  const credential = readAdminCredential(admin);
  const client = await connectAnyAdmin(controlPlane, { clock: systemClock, credential });
  try {
    return await question(client);
  } finally {
    await client.close();
  }
}

/**
 * A control plane whose keys are locked has no certificate and serves no call, but it runs. On its host
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
    `the control plane of ${dataDir} runs, and its keys are locked: it issues no certificates and answers no calls`,
    { hint: `unlock them with: hauberk ca unlock --data-dir ${dataDir}`, cause: error },
  );
}
